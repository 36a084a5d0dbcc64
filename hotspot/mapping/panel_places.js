"use strict";
/* From street to community to cell: what is expected, what was recorded against the year before, which hotspots lie there. */
(() => {
  const { data, state, t, make } = Patrol, { matches, empty } = PatrolPanels, areas = data.areas.features;
  const rows = (part) => new Map((data.trend?.rows ?? []).filter((row) => row.part === part).map((row) => [row.name, row]));
  const ofStreet = rows("street"), ofArea = rows("area"), cellsOf = new Map(), spotsOf = new Map();
  const put = (map, key, value) => (map.has(key) ? map.get(key).push(value) : map.set(key, [value]));
  for (const [cell, area] of Object.entries(data.cells.area ?? {})) put(cellsOf, area, cell);
  for (const spot of data.hotspots) put(spotsOf, spot.area, spot);
  const streets = [...new Set(areas.map((area) => area.street))], within = (street) => areas.filter((area) => area.street === street);
  const expected = (list) => list.reduce((sum, area) => sum + (area.expected ?? 0), 0);
  const worth = (cell) => data.cells.risk[cell].reduce((sum, value) => sum + value, 0);
  const against = (row) => (row ? `${t("recorded")} ${row.recent} / ${row.before}${row.within_chance ? ` · ${t("within_chance")}` : ` · ${t(row.ratio === null || row.ratio > 1 ? "more_than_chance" : "less_than_chance")}`}` : "");
  const ringsOf = (kind, id) => (kind === "area" ? areas.find((area) => area.id === id)?.rings : data.cells.rings[id] && [data.cells.rings[id]]) ?? [];
  let chosen = ["", ""];

  function entry(kind, id, name, value, told, depth, act) {
    const on = kind === "street" ? state.street === id : state[kind] === id;
    const row = make("button", null, { class: `row deep${depth}`, type: "button", "data-key": `${kind} ${id}`, [kind === "cell" ? "aria-pressed" : "aria-expanded"]: String(on) },
      make("b", kind === "cell" ? "▫" : on ? "▾" : "▸"), make("span", name), make("span", Patrol.fixed(value), { class: "figure", title: t("expected") }));
    for (const text of told.filter(Boolean)) row.append(make("small", text));
    row.addEventListener("click", () => {
      if (kind === "street") { state.street = on ? "" : id; state.area = ""; state.cell = ""; }
      if (kind === "area") { state.area = on ? "" : id; state.cell = ""; }
      if (kind === "cell") state.cell = on ? "" : id;
      act.refresh(); look();
    });
    return row;
  }
  const spotsTold = (area) => (spotsOf.get(area)?.length ? `${t("hotspots")}: ${spotsOf.get(area).map((spot) => spot.id).join(", ")}` : "");
  function draw(panel, act) {
    panel.append(make("p", t("places_note"), { class: "soft" }));
    const found = streets.filter((street) => matches(street, within(street).map((area) => [area.id, area.name, spotsTold(area.id)]).flat()));
    if (!found.length) empty(panel, "no_communities");
    for (const street of found) {
      panel.append(entry("street", street, street || t("unnamed_street"), expected(within(street)), [against(ofStreet.get(street))], 0, act));
      if (state.street !== street) continue;
      for (const area of within(street)) {
        panel.append(entry("area", area.id, `${area.id} ${area.name}`, area.expected ?? 0, [against(ofArea.get(area.id)), spotsTold(area.id)], 1, act));
        if (state.area !== area.id) continue;
        const cells = (cellsOf.get(area.id) ?? []).sort((a, b) => worth(b) - worth(a));
        if (!cells.length) panel.append(make("p", t("no_cells"), { class: "soft deep2" }));
        for (const cell of cells) panel.append(entry("cell", cell, cell, worth(cell), [`${t("this_hour")}: ${Patrol.fixed(data.cells.risk[cell][state.hour], 3)}`], 2, act));
      }
    }
  }
  function look() {
    const rings = state.cell ? ringsOf("cell", state.cell) : state.area ? ringsOf("area", state.area) : state.street ? within(state.street).flatMap((area) => area.rings) : [];
    if (rings.length) PatrolMap.fit(rings.flat().map(PatrolMap.latlng), { maxZoom: 15, pills: false });
  }
  if (!areas.length) return;
  PatrolPanels.add("places", draw, { count: areas.length, look });

  /* The chosen place's edge; redrawn when the choice or the theme changes. */
  const group = L.layerGroup();
  function redraw() {
    const now = [state.cell ? "cell " + state.cell : state.area ? "area " + state.area : state.street ? "street " + state.street : "", state.theme];
    if (now.join() === chosen.join()) return;
    chosen = now; group.clearLayers();
    const shapes = state.cell ? [ringsOf("cell", state.cell)] : state.area ? [ringsOf("area", state.area)] : state.street ? within(state.street).map((area) => area.rings) : [];
    for (const rings of shapes) L.polygon(PatrolMap.latlngs(rings), { renderer: PatrolMap.renderer, interactive: false, fill: false, color: Patrol.colour("accent"), weight: 4 }).addTo(group);
  }
  PatrolMap.addLayer("place", group, { redraw });
})();
