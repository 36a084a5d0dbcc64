"use strict";
/* What the reader's clock says of this page: which of its hours it is, what each team does now, whether its window is over. */
const PatrolNow = (() => {
  const { data, $, t, day, clock } = Patrol;
  const at = (iso) => Date.parse(iso);
  const index = () => data.hours.findIndex((iso) => Date.now() >= at(iso) && Date.now() < at(iso) + 3600e3);

  const isOver = () => data.window !== null && Date.now() >= at(data.window.end);
  /* A page stays on a wall long after its night: it says so itself, and says it again when it changes. */
  function tell() {
    $("stale").hidden = !isOver();
    if (!isOver()) return;
    const told = t(data.plan ? "plan_over" : "window_over").replace("{end}", () => `${day(data.window.end)} ${clock(data.window.end)}`);
    if ($("stale").textContent !== told) $("stale").textContent = told;
  }
  const within = () => data.window !== null && Date.now() >= at(data.window.start) && !isOver();
  const fill = (key, spot, time) => t(key).replace("{spot}", () => spot).replace("{time}", () => time);

  /* What a team does now by the plan: { text, next: until when (ms), place: [lon, lat] }; null outside of the window or
     without visits, next Infinity when all is done. */
  function doing(team) {
    const now = Date.now(), leg = (sequence) => team.legs.find((each) => each.sequence === sequence)?.line ?? [];
    if (!within() || !team.visits.length) return null;
    const told = (key, spot, time, next, place) => ({ text: fill(key, spot, time), next, place });
    let before = null;
    for (const visit of team.visits) {
      const { hotspot_id: spot, arrive, start, leave, travel_s: seconds } = visit, here = [visit.lon, visit.lat], leaves = at(arrive) - 1000 * seconds;
      if (now < leaves) return told("now_next", spot, clock(arrive), leaves, before ?? leg(visit.sequence)[0] ?? here);
      if (now < at(arrive)) return told("now_way", spot, clock(arrive), at(arrive), along(leg(visit.sequence), (now - leaves) / (1000 * seconds)) ?? here);
      if (now < at(start)) return told("now_wait", spot, clock(start), at(start), here);
      if (now < at(leave)) return told("now_at", spot, clock(leave), at(leave), here);
      before = here;
    }
    const home = Patrol.back(team), last = team.visits.at(-1);
    if (!home || now >= at(home)) return { text: t("now_done"), next: Infinity, place: null };
    return told("now_home", team.point_id, clock(home), at(home), along(leg(last.sequence + 1), (now - at(last.leave)) / (at(home) - at(last.leave))) ?? before);
  }
  /* The place at that share of a line's length; null for no line. */
  function along(line, share) {
    const squeeze = Math.cos((line[0]?.[1] ?? 0) * Math.PI / 180);
    const steps = line.slice(1).map((to, i) => Math.hypot((to[0] - line[i][0]) * squeeze, to[1] - line[i][1]));
    let left = Math.min(1, Math.max(0, share)) * steps.reduce((sum, step) => sum + step, 0);
    for (const [i, step] of steps.entries()) {
      if (left <= step && step > 0) return [0, 1].map((k) => line[i][k] + (line[i + 1][k] - line[i][k]) * left / step);
      left -= step;
    }
    return line.at(-1) ?? null;
  }
  setInterval(() => { tell(); PatrolWhere.draw(); if (within()) PatrolPage.minute(); }, 30000);
  return { index, within, isOver, doing, along, tell };
})();
