"use strict";
/* The live map: streets, communities, cells, hotspots, routes, points; redrawn from the state. */
const PatrolMap = (() => {
  const { data, state, $, t, make } = Patrol;
  const box = document.querySelector(".folium-map"), map = window[box.id];
  $("stage").prepend(box);
  map.invalidateSize({ animate: false });
  map.createPane("under").style.zIndex = 390;
  const under = L.canvas({ padding: 0.3, pane: "under" }), renderer = L.canvas({ padding: 0.3 });
  const latlng = (place) => [place[1], place[0]], latlngs = (rings) => rings.map((ring) => ring.map(latlng));
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let onSpot = () => {}, onPoint = () => {};

  const streets = PatrolStreets.layer(data.streets, () => [Patrol.colour("major"), Patrol.colour("street")]);
  const groups = { streets, areas: L.layerGroup(), catchments: L.layerGroup(), cells: L.layerGroup(), hotspots: L.layerGroup(), routes: L.layerGroup(), points: L.layerGroup() };
  const shown = new Set(["streets", "areas", "hotspots", "routes", "points"]);
  const eta = L.layerGroup().addTo(map);
  const present = { streets: data.streets.lines, areas: data.areas.features, catchments: data.catchments?.points ?? [], cells: Object.keys(data.cells.rings), hotspots: data.hotspots, routes: data.teams, points: data.points };
  const names = Object.keys(groups).filter((name) => present[name].length);
  const extra = [];
  /* A layer of another file: `redraw()` follows the state and the theme, `places` ([lon, lat]) are kept in sight,
     `sign()` is its sign in the legend. */
  function addLayer(name, group, { on = true, redraw = () => {}, places = [], sign = null } = {}) {
    groups[name] = group; names.push(name); extra.push({ name, redraw, places, sign });
    if (on) { shown.add(name); group.addTo(map); }
  }

  const areas = data.areas.features.map((area) => L.polygon(latlngs(area.rings), { renderer: under, fill: false, weight: 1, opacity: 0.55, dashArray: "6 5", interactive: false }).addTo(groups.areas));
  const cellEdges = Patrol.scaleOf(Patrol.peak(Object.values(data.cells.risk).flat()));
  const cells = Object.entries(data.cells.rings).map(([id, ring]) => {
    const shape = L.polygon(ring.map(latlng), { renderer: under, stroke: false, interactive: false }).addTo(groups.cells);
    return { shape, risk: data.cells.risk[id] ?? [] };
  });
  const polygons = data.hotspots.map((spot) => L.polygon(latlngs(spot.rings), { renderer, bubblingMouseEvents: false })
    .bindTooltip(() => note(spot), { sticky: true, opacity: 1 }).on("click", () => onSpot(spot.id)).addTo(groups.hotspots));
  const zones = tinted(present.catchments).map(([zone, tint]) => ({ tint, shape: L.polygon(latlngs(zone.rings), { renderer, weight: 1.5 })
    .bindTooltip(() => first(zone), { sticky: true, opacity: 1 }).addTo(groups.catchments) }));
  const markers = data.points.map((point) => {
    const dot = make("i", point.id.replace(/^\D+0*(?=\d)/, "").slice(0, 4) || point.id.slice(0, 4), { class: "dot" });
    const icon = L.divIcon({ className: "spot", html: dot, iconSize: [25, 25] });
    const marker = L.marker([point.lat, point.lon], { icon, riseOnHover: true }).addTo(groups.points);
    marker.bindTooltip(() => make("div", null, {}, make("b", `${point.id} ${point.name}`), make("div", `${t(point.kind)} · ${t("teams")}: ${point.teams.join(", ") || t("nobody")}`)), { opacity: 1, offset: [10, 0] });
    marker.on("click keypress", (event) => { if (event.type === "click" || event.originalEvent.key === "Enter") onPoint(point.id); });
    return marker;
  });

  /* Zones that share a border vertex get different tints: the first that no neighbour has. */
  function tinted(all) {
    const at = new Map(), given = [];
    all.forEach((zone, i) => { for (const place of zone.rings.flat()) { const key = place.join(); if (at.has(key)) at.get(key).add(i); else at.set(key, new Set([i])); } });
    all.forEach((zone, i) => {
      const taken = new Set(zone.rings.flat().flatMap((place) => [...at.get(place.join())]).map((j) => given[j]));
      given[i] = [0, 1, 2, 3, 4, 5].find((tint) => !taken.has(tint)) ?? i % 6;
    });
    return all.map((zone, i) => [zone, given[i]]);
  }
  function first(zone) {
    const minutes = (value) => `${Math.ceil(value)} ${t("minutes")}`;
    return make("div", null, {}, make("b", `${zone.point_id} ${Patrol.point(zone.point_id)?.name ?? ""}`), make("div", `${t("first_there")} · ${t(data.catchments.mode)}`),
      make("div", `${t("half_within")} ${minutes(zone.half_min)} · ${t("all_within")} ${minutes(zone.most_min)}`));
  }

  function note(spot) {
    const value = spot.hourly[state.hour];
    return make("div", null, {}, make("b", `${spot.id} · ${t(spot.activity)}`),
      make("div", `${t("this_hour")}: ${Patrol.fixed(value)}`),
      make("div", `${t("expected")}: ${Patrol.fixed(spot.expected)} (${t("interval")} ${Patrol.interval(spot)})`),
      make("div", spot.windows.map((w) => Patrol.dayAndSpan(w.start, w.end)).join(" · "), { class: "soft" }));
  }

  const looks = [];
  function drawHour() {
    const ramp = Patrol.ramp(), edge = Patrol.colour("edge"), accent = Patrol.colour("accent"), fill = Number(Patrol.colour("fill"));
    data.hotspots.forEach((spot, i) => {
      const chosen = spot.id === state.spot;
      const look = `${state.theme} ${chosen} ${Patrol.classOf(spot.hourly[state.hour] ?? 0, Patrol.edges)}`;
      if (looks[i] === look) return; /* of thousands few change from one hour to the next */
      looks[i] = look;
      polygons[i].setStyle({ fillColor: ramp[Patrol.classOf(spot.hourly[state.hour] ?? 0, Patrol.edges)], fillOpacity: fill,
        color: chosen ? accent : edge, weight: chosen ? 4 : 1.5, dashArray: Patrol.isWide(spot) ? "6 5" : null });
      if (chosen) polygons[i].bringToFront();
    });
    for (const cell of cells) cell.shape.setStyle({ fillColor: ramp[Patrol.classOf(cell.risk[state.hour] ?? 0, cellEdges)], fillOpacity: fill * 0.6 });
    for (const { redraw } of extra) redraw();
    for (const shape of areas) shape.setStyle({ color: Patrol.colour("area") });
    for (const { shape, tint } of zones) shape.setStyle({ color: Patrol.colour("soft"), fillColor: Patrol.colour("zone" + tint), fillOpacity: 0.35 });
  }

  function drawRoutes() {
    groups.routes.clearLayers(); eta.clearLayers();
    const muted = Patrol.colour("route"), accent = Patrol.colour("accent"), paper = Patrol.colour("paper");
    const line = (leg, style) => L.polyline(leg.line.map(latlng), { renderer, interactive: false, lineJoin: "round", ...style }).addTo(groups.routes);
    const chosen = Patrol.team(state.team);
    for (const team of data.teams) if (team !== chosen) for (const leg of team.legs)
      line(leg, { color: muted, weight: 3, opacity: chosen ? 0.35 : 0.8, dashArray: "1 7", lineCap: "round" });
    data.points.forEach((point, i) => {
      const element = markers[i].getElement();
      if (element) { element.setAttribute("aria-label", `${element.textContent} · ${t("patrol_point")} ${point.id} ${point.name}`); element.classList.toggle("home", Boolean(chosen) && chosen.point_id === point.id); element.classList.toggle("faint", Boolean(chosen) && chosen.point_id !== point.id); }
      markers[i].setZIndexOffset(chosen && chosen.point_id === point.id ? 400 : 0);
    });
    if (!chosen) return;
    for (const leg of chosen.legs) line(leg, { color: paper, weight: 9, opacity: 0.8 });
    for (const leg of chosen.legs) line(leg, { color: accent, weight: 5 });
    const lons = chosen.legs.flatMap((leg) => leg.line.map(([lon]) => lon)), middle = (Math.max(...lons) + Math.min(...lons)) / 2;
    for (const stop of stopsOf(chosen)) pill(stop, stop[0].lon > middle).addTo(eta);
  }
  /* Visits at one place share one pill, so that none hides another. */
  function stopsOf(team) {
    const places = new Map();
    for (const visit of team.visits) {
      const key = `${visit.lon.toFixed(4)} ${visit.lat.toFixed(4)}`;
      if (places.has(key)) places.get(key).push(visit); else places.set(key, [visit]);
    }
    return [...places.values()];
  }
  /* Towards the middle of the way, so that no edge of the map cuts it. */
  function pill(visits, toLeft) {
    const rows = visits.map((v) => make("i", null, {}, make("b", v.sequence), document.createTextNode(Patrol.clock(v.travel_s > 0 ? v.arrive : v.start))));
    const icon = L.divIcon({ className: "pill", html: make("span", null, { class: toLeft ? "eta left" : "eta" }, ...rows), iconSize: [0, 0] });
    return L.marker([visits[0].lat, visits[0].lon], { icon, interactive: false, keyboard: false, zIndexOffset: 1000 });
  }

  function setLayer(name, on) {
    shown[on ? "add" : "delete"](name);
    if (on) groups[name].addTo(map); else groups[name].remove();
    if (on && name === "catchments") for (const { shape } of zones) shape.bringToBack();
    if (on && name === "points") drawRoutes();
    $("attribution").hidden = !data.attribution;
  }

  function everything() {
    return [...data.hotspots.flatMap((s) => s.rings.flat()), ...data.points.map((p) => [p.lon, p.lat]), ...data.areas.features.flatMap((a) => a.rings.flat()),
      ...data.teams.flatMap((team) => team.legs.flatMap((leg) => leg.line)), ...extra.flatMap(({ places }) => places)].map(latlng);
  }
  const narrow = () => map.getSize().x < 620;
  function fit(places, { maxZoom = 16, pills = true } = {}) {
    if (!places.length) return;
    const beside = narrow() ? 18 : $("legend").open ? Math.min(330, 0.3 * map.getSize().x) : 40; /* the legend hides nothing */
    map.fitBounds(L.latLngBounds(places), { paddingTopLeft: narrow() ? [64, 18] : [70, 30], paddingBottomRight: [beside + (pills ? 50 : 0), 34], maxZoom, animate: false });
  }
  const showAll = () => fit(everything(), { pills: false });
  const showTeam = (team) => fit([...team.legs.flatMap((leg) => leg.line), ...team.visits.map((v) => [v.lon, v.lat])].map(latlng));
  const showSpot = (spot) => fit(spot.rings.flat().map(latlng), { maxZoom: 15.25, pills: false });
  const showPoint = (point) => map.setView([point.lat, point.lon], Math.max(map.getZoom(), 15), { animate: !quiet });

  for (const name of names) if (shown.has(name)) groups[name].addTo(map);
  L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
  showAll();
  return { map, names, shown, extra, streets, renderer, under, latlng, latlngs, fit, addLayer, setLayer, drawHour, drawRoutes, redrawStreets: () => map.hasLayer(streets) && streets.redraw(),
    showAll, showTeam, showSpot, showPoint, isEmpty: !everything().length, listen: (spot, point) => { onSpot = spot; onPoint = point; } };
})();
