"use strict";
/* What the reader's clock says of this page: which of its hours it is, what each team does now, whether its window is over. */
const PatrolNow = (() => {
  const { data, $, t, day, clock } = Patrol;
  const at = (iso) => Date.parse(iso);
  const index = () => data.hours.findIndex((iso) => Date.now() >= at(iso) && Date.now() < at(iso) + 3600e3);

  /* A page stays on a wall long after its night: it says so itself, and says it again when it changes. */
  function tell() {
    const over = data.window !== null && Date.now() >= at(data.window.end);
    $("stale").hidden = !over;
    if (!over) return;
    const told = t(data.plan ? "plan_over" : "window_over").replace("{end}", `${day(data.window.end)} ${clock(data.window.end)}`);
    if ($("stale").textContent !== told) $("stale").textContent = told;
  }
  const within = () => data.window !== null && Date.now() >= at(data.window.start) && Date.now() < at(data.window.end);
  const fill = (key, spot, time) => t(key).replace("{spot}", spot).replace("{time}", time);

  /* What a team does now by the plan, and until when (ms): { text, next }; null outside of the window or without visits. */
  function doing(team) {
    const now = Date.now();
    if (!within() || !team.visits.length) return null;
    for (const visit of team.visits) {
      const leaves = at(visit.arrive) - 1000 * visit.travel_s;
      if (now < leaves) return { text: fill("now_next", visit.hotspot_id, clock(visit.arrive)), next: leaves };
      if (now < at(visit.arrive)) return { text: fill("now_way", visit.hotspot_id, clock(visit.arrive)), next: at(visit.arrive) };
      if (now < at(visit.start)) return { text: fill("now_wait", visit.hotspot_id, clock(visit.start)), next: at(visit.start) };
      if (now < at(visit.leave)) return { text: fill("now_at", visit.hotspot_id, clock(visit.leave)), next: at(visit.leave) };
    }
    const home = Patrol.back(team);
    return home && now < at(home) ? { text: fill("now_home", team.point_id, clock(home)), next: at(home) } : { text: t("now_done"), next: Infinity };
  }
  setInterval(() => { tell(); if (within()) PatrolPage.minute(); }, 30000);
  return { index, within, doing, tell };
})();
