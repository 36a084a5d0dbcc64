"use strict";
/* Against an earlier plan: figures side by side, what each team does otherwise, and the earlier routes on the map. */
(() => {
  const { data, state, t, make } = Patrol, { matches } = PatrolPanels, other = data.comparison;
  if (!other) return;
  const FIGURES = [["value", 3], ["served", 0], ["demands", 0], ["gap", 2], ["stops", 0], ["stay_min", 0], ["travel_min", 0], ["km", 1]];
  const changed = other.visits.filter((row) => row.kind !== "kept");
  const told = (value, name, digits) => (value === null || value === undefined ? "–" : name === "gap" ? `${Patrol.fixed(100 * value, 2)} %` : Patrol.fixed(value, digits));
  const signed = (text) => (!/[1-9]/.test(text) ? "0" : text.startsWith("-") ? text.replace("-", "−") : "+" + text);

  function figureRows() {
    const { before, after } = other.figures;
    return FIGURES.map(([name, digits]) => [t(name), told(before[name], name, digits), told(after[name], name, digits),
      before[name] === null || after[name] === null ? "–" : signed(told(after[name] - before[name], name, digits))]);
  }
  const teamRows = () => other.teams.filter(({ before, after }) => before?.stops || after?.stops)
    .map(({ team_id: id, before, after }) => [id, ...["stops", "km"].flatMap((name) => [told(before?.[name], name, name === "km" ? 1 : 0), told(after?.[name], name, name === "km" ? 1 : 0)])]);
  const of = (visit) => `${visit.team_id} ${Patrol.clock(visit.start)}`;
  const change = ({ before, after }) => [before && of(before), after && of(after)].map((text) => text ?? "–").join(" → ");
  const spotOf = (row) => (row.after ?? row.before).hotspot_id;

  const table = (heads, rows, caption) => make("div", null, { class: "scroll", tabindex: "0", role: "group", "aria-label": caption }, make("table", null, { class: "figures" }, make("caption", caption),
    make("thead", null, {}, make("tr", null, {}, ...heads.map((head) => make("th", head, { scope: "col" })))),
    make("tbody", null, {}, ...rows.map(([name, ...cells]) => make("tr", null, {}, make("th", name, { scope: "row" }), ...cells.map((cell) => make("td", cell)))))));

  function comparison(panel, act) {
    const w = other.window, visits = other.visits;
    panel.append(make("p", `${t("compared_with")} ${[other.run_id, `${Patrol.day(w.start)} ${Patrol.span(w.start, w.end)}`, `${t("as_of")} ${Patrol.day(other.as_of)} ${Patrol.clock(other.as_of)}`].filter(Boolean).join(" · ")}`, { class: "soft" }),
      table([t("figure"), t("before"), t("now"), t("difference")], figureRows(), t("figures")));
    if (!other.same_night) panel.append(make("p", t("other_night"), { class: "soft" }));
    for (const name of ["new", "gone"]) if (other.hotspots[name].length) panel.append(make("p", `${t("hotspots_" + name)}: ${other.hotspots[name].join(", ")}`));
    if (other.same_night) panel.append(make("h2", t("changed_visits")), make("p", ["kept", "moved", "handed", "added", "dropped"].map((kind) => `${t(kind)} ${visits.filter((row) => row.kind === kind).length}`).join(" · ")));
    const found = changed.filter((row) => matches(spotOf(row), t(row.kind), row.before?.team_id, row.after?.team_id));
    for (const row of found) {
      const id = spotOf(row), key = `change ${row.kind} ${id} ${change(row)}`;
      const line = make("button", null, { class: "row", type: "button", "data-key": key }, make("b", id), make("span", `${t(row.kind)} · ${t((row.after ?? row.before).activity)}`), make("time", change(row)));
      line.addEventListener("click", () => { state.team = row.after?.team_id ?? ""; if (Patrol.hotspot(id)) act.look(id); else act.team(state.team); });
      panel.append(line);
    }
    panel.append(table([t("team"), ...["stops", "km"].flatMap((name) => [`${t(name)} ${t("before")}`, t("now")])], teamRows(), t("teams")));
  }
  PatrolPanels.add("comparison", comparison, { count: changed.length, first: data.kind === "comparison" });
  PatrolPaper.add(() => [...PatrolPaper.table(`${t("comparison")} · ${t("compared_with")} ${other.run_id}`, [t("figure"), t("before"), t("now"), t("difference")], figureRows()),
    ...(changed.length ? PatrolPaper.table(t("changed_visits"), ["hotspot", "difference", "before", "now"].map(t), changed.map((row) => [spotOf(row), t(row.kind), row.before ? of(row.before) : "–", row.after ? of(row.after) : "–"])) : [])],
  { first: data.kind === "comparison", under: ({ add, path }) => PatrolMap.shown.has("earlier") && add("path", { d: other.routes.flatMap((route) => route.lines.map((line) => path(line))).join(""), fill: "none", stroke: "#4c5a68", "stroke-opacity": 0.3, "stroke-width": 6 }) });

  /* The earlier routes: all of them, or those of the chosen team. */
  const group = L.layerGroup(), lines = other.routes.flatMap((route) => route.lines.map((line) => ({ team: route.team_id,
    shape: L.polyline(line.map(PatrolMap.latlng), { renderer: PatrolMap.under, interactive: false }).addTo(group) })));
  const redraw = () => { for (const { team, shape } of lines) shape.setStyle({ color: Patrol.colour("soft"), weight: 9, lineJoin: "round", opacity: !state.team || state.team === team ? 0.4 : 0 }); };
  const sign = () => { const key = Patrol.drawn("svg", { viewBox: "0 0 28 16", class: "key", "aria-hidden": "true" }); key.append(Patrol.drawn("path", { d: "M0 8h28", class: "earlier" })); return key; };
  PatrolMap.addLayer("earlier", group, { on: data.kind === "comparison", redraw, sign, places: other.routes.flatMap((route) => route.lines.flat()) });
})();
