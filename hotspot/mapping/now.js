"use strict";
/* What the reader's clock says of this page: which of its hours it is, and whether its window is over. */
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
  setInterval(tell, 30000);
  return { index, tell };
})();
