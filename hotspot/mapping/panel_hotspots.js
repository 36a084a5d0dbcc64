"use strict";
/* Hotspots: where, when, how sure, why. */
(() => {
  const { data, state, t, make } = Patrol, { matches, pairs, empty } = PatrolPanels;

  const FEW = 4, windows = (spot) => spot.windows.map((w) => Patrol.dayAndSpan(w.start, w.end));
  /* The emerging category without its side: a hotspot's cells are hot or nothing. */
  const kindOf = (spot) => (spot.pattern ?? "").split(" ")[0];
  function hotspots(panel, act) {
    const found = data.hotspots.filter((spot) => matches(spot.id, t(spot.activity), spot.pattern && t("pattern_" + kindOf(spot)), Object.keys(spot.category_mix)));
    if (!found.length) empty(panel, "no_hotspots");
    const ramp = Patrol.ramp();
    for (const spot of found) {
      const chosen = spot.id === state.spot, now = spot.hourly[state.hour] ?? 0;
      const swatch = make("i", null, { class: "swatch" });
      swatch.style.background = ramp[Patrol.classOf(now, Patrol.edges)];
      const row = make("button", null, { class: "row", type: "button", "data-key": "spot " + spot.id, "aria-expanded": String(chosen) },
        make("b", spot.id), make("span", t(spot.activity)), make("span", null, { class: "figure", title: t("this_hour") }, swatch, Patrol.fixed(now)));
      if (spot.pattern) row.append(make("small", null, {}, make("span", t("pattern_" + kindOf(spot)), { class: "tag", title: t("meaning_" + kindOf(spot)) }), ` p ${Patrol.pValue(spot.p_value)}`));
      row.append(make("small", windows(spot).slice(0, FEW).join(" · ") + (spot.windows.length > FEW ? ` … +${spot.windows.length - FEW}` : "")),
        make("small", `${t("expected")} ${Patrol.fixed(spot.expected)} (${Patrol.interval(spot)})`));
      row.addEventListener("click", () => act.spot(chosen ? "" : spot.id));
      panel.append(row);
      if (chosen) panel.append(spotDetail(spot));
    }
  }
  function spotDetail(spot) {
    const mix = Object.entries(spot.category_mix).sort((a, b) => b[1] - a[1]).map(([name, share]) => `${name} ${Patrol.fixed(100 * share, 0)} %`);
    const visits = Patrol.visitsOf(spot).map(({ team, visit }) => `${team.id} ${Patrol.span(visit.arrive, visit.leave)}`);
    const told = [[t("rank"), spot.rank], ...(spot.windows.length > FEW ? [[t("windows"), windows(spot).join(" · ")]] : []), [t("expected"), `${Patrol.fixed(spot.expected)} (${t("interval")} ${Patrol.interval(spot)})`], [t("observed"), spot.observed],
      [t("p_value"), Patrol.pValue(spot.p_value)], ...(spot.pattern ? [[t("pattern"), `${t("pattern_" + kindOf(spot))}: ${t("meaning_" + kindOf(spot))}`]] : []), [t("mix"), mix.join(" · ")]];
    if (data.plan) told.push([t("visited_by"), visits.join(" · ") || t("nobody")]);
    return make("div", null, { class: "more" }, make("b", t("why")), make("p", Patrol.said(spot.explanation)), pairs(told));
  }

  PatrolPanels.add("hotspots", hotspots, { count: data.hotspots.length });
})();
