"use strict";
/* Demands that no team meets, why, and the least change that would. */
(() => {
  const { data, t, make } = Patrol, { matches, empty } = PatrolPanels;

  function unserved(panel, act) {
    const found = data.unserved.filter((demand) => matches(demand.hotspot_id, t(demand.reason), t(demand.activity), Patrol.said(demand.detail)));
    for (const text of data.missed) panel.append(make("p", Patrol.said(text), { class: "alarm wrap" }));
    if (!found.length) empty(panel, data.plan ? "all_served" : "no_teams");
    for (const [i, demand] of found.entries()) {
      const row = make("button", null, { class: "row", type: "button", "data-key": "unserved " + i }, make("b", demand.hotspot_id), make("span", t(demand.activity)),
        make("time", Patrol.span(demand.window_start, demand.window_end)), make("small", `${t("reason")}: ${t(demand.reason)} · ${Patrol.said(demand.detail)}`), make("small", `${t("relaxation")}: ${Patrol.said(demand.relaxation)}`));
      row.addEventListener("click", () => act.look(demand.hotspot_id));
      panel.append(row);
    }
  }

  PatrolPanels.add("unserved", unserved, { when: Boolean(data.plan), count: data.unserved.length + data.missed.length });
})();
