"use strict";
/* The page: reads its data from the JSON block, draws with textContent only, keeps its state in the address. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = JSON.parse(document.getElementById("words").textContent);
  const RAMP = ["#ffffb2", "#fecc5c", "#fd8d3c", "#f03b20", "#a50f26"];
  const state = { lang: data.language, theme: "light", hour: 0, team: "", tab: data.kind === "plan" ? "teams" : "hotspots" };
  const root = document.documentElement;
  const t = (key) => words[state.lang][key] ?? key;
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    if (text !== null && text !== undefined) node.textContent = String(text);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const clock = (iso) => iso.slice(11, 16);
  const day = (iso) => iso.slice(0, 10);
  const weekday = (iso) => (new Date(day(iso) + "T12:00:00Z").getUTCDay() + 6) % 7;
  const hourOf = (iso) => Number(iso.slice(11, 13));
  const number = (x, digits = 2) => Number(x).toFixed(digits);

  /* --- state in the address ------------------------------------------------------------------ */
  const readHash = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (words[asked.get("lang")]) state.lang = asked.get("lang");
    if (["light", "dark"].includes(asked.get("theme"))) state.theme = asked.get("theme");
    if (asked.has("hour")) {
      const index = data.hours.findIndex((h) => hourOf(h) === Number(asked.get("hour")));
      if (index >= 0) state.hour = index;
    }
    const team = asked.get("team");
    if (team !== null) state.team = data.teams.some((each) => each.id === team) ? team : "";
  };
  const writeHash = () => {
    const shown = new URLSearchParams({ lang: state.lang, theme: state.theme });
    if (data.hours.length) shown.set("hour", String(hourOf(data.hours[state.hour])));
    if (state.team) shown.set("team", state.team);
    history.replaceState(null, "", "#" + shown);
  };

  /* --- the map ------------------------------------------------------------------------------- */
  const map = window[document.querySelector(".folium-map").id];
  const renderer = L.canvas({ padding: 0.3 });
  const latlng = (p) => [p[1], p[0]];
  const streets = decode(data.streets);
  function decode(packed) {
    return packed.lines.map((flat) => {
      let x = 0, y = 0;
      const line = [];
      for (let i = 0; i < flat.length; i += 2) { x += flat[i]; y += flat[i + 1]; line.push([x / 1e5, y / 1e5]); }
      return line;
    });
  }
  const Z = 14, tileOf = (lon, lat) => {
    const n = 2 ** Z, s = Math.sin((lat * Math.PI) / 180);
    return [((lon + 180) / 360) * n, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * n];
  };
  const projected = streets.map((line) => line.map((p) => tileOf(p[0], p[1])));
  const index = new Map();
  projected.forEach((line, i) => {
    const xs = line.map((p) => p[0]), ys = line.map((p) => p[1]);
    for (let x = Math.floor(Math.min(...xs)); x <= Math.max(...xs); x++)
      for (let y = Math.floor(Math.min(...ys)); y <= Math.max(...ys); y++) {
        const key = x + "/" + y;
        if (!index.has(key)) index.set(key, []);
        index.get(key).push(i);
      }
  });
  const Lines = L.GridLayer.extend({
    createTile(coords) {
      const size = this.getTileSize(), tile = make("canvas", null);
      tile.width = size.x; tile.height = size.y;
      const pen = tile.getContext("2d"), k = 2 ** (coords.z - Z), style = getComputedStyle(root);
      const x0 = coords.x / k, y0 = coords.y / k, seen = new Set();
      for (let x = Math.floor(x0); x <= Math.floor((coords.x + 1) / k); x++)
        for (let y = Math.floor(y0); y <= Math.floor((coords.y + 1) / k); y++)
          for (const i of index.get(x + "/" + y) ?? []) seen.add(i);
      for (const kind of [1, 0]) {
        if (kind === 1 && coords.z < 13) continue;
        pen.strokeStyle = style.getPropertyValue(kind ? "--street" : "--major");
        pen.lineWidth = (kind ? 1 : 1.6) * Math.min(2, Math.max(0.7, (coords.z - 11) / 2.5));
        pen.beginPath();
        for (const i of seen) if (data.streets.class[i] === kind)
          projected[i].forEach((p, n) => pen[n ? "lineTo" : "moveTo"]((p[0] - x0) * k * size.x, (p[1] - y0) * k * size.y));
        pen.stroke();
      }
      return tile;
    },
  });
  const lines = new Lines({ updateWhenIdle: false, attribution: "" }).addTo(map);
  const routes = L.layerGroup().addTo(map), marks = L.layerGroup().addTo(map);
  const most = Math.max(1e-9, ...data.hotspots.flatMap((h) => h.hourly));
  const classOf = (value) => Math.min(4, Math.floor((5 * value) / most));
  const rings = (shape) => shape.map((ring) => ring.map(latlng));
  for (const area of data.areas.features)
    L.polygon(rings(area.rings), { renderer, fill: false, color: "#7f8fa0", weight: 1, dashArray: "2 5", interactive: false }).addTo(map);
  const polygons = data.hotspots.map((spot) =>
    L.polygon(rings(spot.rings), { renderer, weight: 1.6, color: "#6b1020", fillOpacity: 0.6,
      dashArray: spot.upper - spot.lower > spot.expected ? "5 4" : null })
      .bindTooltip(() => spotNote(spot), { sticky: true }).addTo(map));
  const pointMarks = data.points.map((point) =>
    L.marker([point.lat, point.lon], { keyboard: true, alt: point.name,
      icon: L.divIcon({ className: "spot", html: make("span", point.id.replace(/^\D+0*/, "") || point.id) }) })
      .bindTooltip(() => make("div", point.name + " · " + point.teams.join(", "))).addTo(map));
  function spotNote(spot) {
    const note = make("div", null);
    note.append(make("b", spot.id + " · " + t(spot.activity)));
    note.append(make("div", `${t("expected")} ${number(spot.expected)} (${number(spot.lower)}–${number(spot.upper)}, 90 %)`));
    note.append(make("div", spot.explanation[state.lang]));
    return note;
  }
  function drawHour() {
    data.hotspots.forEach((spot, i) => polygons[i].setStyle({ fillColor: RAMP[classOf(spot.hourly[state.hour] ?? 0)] }));
    const iso = data.hours[state.hour];
    document.getElementById("hour").textContent = iso ? `${t("weekdays").split(" ")[weekday(iso)]} ${day(iso).slice(5)} ${clock(iso)}` : "";
    document.getElementById("slider").value = state.hour;
    document.getElementById("slider").setAttribute("aria-valuetext", document.getElementById("hour").textContent);
  }
  function drawRoutes() {
    routes.clearLayers(); marks.clearLayers();
    const ink = getComputedStyle(root), accent = ink.getPropertyValue("--accent"), muted = ink.getPropertyValue("--route");
    for (const team of data.teams) {
      const chosen = team.id === state.team;
      for (const leg of team.legs)
        L.polyline(leg.line.map(latlng), { renderer, interactive: false, color: chosen ? accent : muted, weight: chosen ? 5 : 2.5,
          opacity: chosen ? 1 : state.team ? 0.25 : 0.75, dashArray: chosen ? null : "1 6" }).addTo(routes);
      if (chosen) for (const visit of team.visits)
        L.marker([visit.lat, visit.lon], { zIndexOffset: 1000, alt: `${visit.sequence} ${clock(visit.arrive)}`,
          icon: L.divIcon({ className: "pill", html: make("span", `${visit.sequence} · ${clock(visit.arrive)}`) }) }).addTo(marks);
    }
  }

  /* --- panels -------------------------------------------------------------------------------- */
  const matches = (...texts) => {
    const wanted = document.getElementById("search").value.trim().toLowerCase();
    return !wanted || texts.join(" ").toLowerCase().includes(wanted);
  };
  const km = (metres) => number(metres / 1000, 1) + " km";
  const panels = {
    teams(panel) {
      for (const team of data.teams) {
        if (!matches(team.id, team.name, team.point_id)) continue;
        const row = make("button", null, { class: "row", type: "button", "aria-pressed": String(team.id === state.team) });
        row.append(make("b", team.id), make("span", team.name));
        const far = team.legs.reduce((sum, leg) => sum + leg.travel_m, 0);
        const told = team.status === "planned"
          ? `${team.visits.length} ${t("stops")} · ${km(far)} · ${clock(team.shift.start)}–${clock(team.shift.end)}`
          : team.status === "blocked" ? `${t("not_in_plan")}: ${t(team.reason)}` : t("idle");
        row.append(make("small", `${told} · ${t(team.mode)} · ${team.point_id}`));
        row.addEventListener("click", () => choose(team.id === state.team ? "" : team.id));
        panel.append(row);
        if (team.id === state.team && team.visits.length) {
          const stops = make("ol", null, { class: "stops" });
          for (const v of team.visits)
            stops.append(make("li", `${clock(v.arrive)} ${v.hotspot_id} · ${t(v.activity)} · ${t("until")} ${clock(v.leave)} · ${Math.round(v.travel_s / 60)} min, ${km(v.travel_m)}`));
          panel.append(stops);
        }
      }
    },
    hotspots(panel) {
      for (const spot of data.hotspots) {
        if (!matches(spot.id, t(spot.activity))) continue;
        const row = make("button", null, { class: "row", type: "button" });
        row.append(make("b", spot.id), make("span", t(spot.activity)));
        row.append(make("small", spot.windows.map((w) => `${day(w.start).slice(5)} ${clock(w.start)}–${clock(w.end)}`).join(", ")));
        row.append(make("small", `${t("expected")} ${number(spot.expected)} (${number(spot.lower)}–${number(spot.upper)}) · ${spot.explanation[state.lang]}`));
        row.addEventListener("click", () => map.fitBounds(polygons[data.hotspots.indexOf(spot)].getBounds(), { maxZoom: 16, animate: false }));
        panel.append(row);
      }
    },
    times(panel) {
      const week = Array.from({ length: 7 }, (_, d) => Array.from({ length: 24 }, (_, h) => data.hotspots.reduce((sum, s) => sum + s.calendar[d][h], 0)));
      const top = Math.max(1e-9, ...week.flat());
      panel.append(make("p", t("calendar_note"), { class: "soft" }));
      const table = make("table", null, { class: "week" });
      const head = make("tr", null); head.append(make("th", ""));
      for (let h = 0; h < 24; h++) head.append(make("th", h % 3 ? "" : h));
      table.append(head);
      week.forEach((hours, d) => {
        const line = make("tr", null); line.append(make("th", t("weekdays").split(" ")[d]));
        hours.forEach((value, h) => {
          const cell = make("td", null), at = data.hours.findIndex((iso) => weekday(iso) === d && hourOf(iso) === h);
          const box = make("button", "", { type: "button", "aria-label": `${t("weekdays").split(" ")[d]} ${h}:00, ${number(value)}` });
          box.style.background = RAMP[Math.min(4, Math.floor((5 * value) / top))];
          if (at < 0) box.disabled = true; else box.addEventListener("click", () => { state.hour = at; refresh(); });
          cell.append(box); line.append(cell);
        });
        table.append(line);
      });
      panel.append(table);
    },
    unserved(panel) {
      if (!data.unserved.length) panel.append(make("p", t("all_served")));
      for (const demand of data.unserved) {
        if (!matches(demand.hotspot_id, demand.reason)) continue;
        const row = make("div", null, { class: "row" });
        row.append(make("b", demand.hotspot_id), make("span", `${clock(demand.window_start)}–${clock(demand.window_end)} · ${t(demand.activity)}`));
        row.append(make("small", `${t(demand.reason)}: ${demand.detail}`), make("small", demand.relaxation));
        panel.append(row);
      }
    },
    about(panel) {
      for (const key of ["about_risk", "about_reports", "about_people", "about_effect"]) panel.append(make("p", t(key)));
      for (const notice of data.notices) panel.append(make("p", notice, { class: "soft" }));
    },
  };

  /* --- putting it together ------------------------------------------------------------------- */
  function choose(team) {
    state.team = team; refresh();
    const chosen = data.teams.find((each) => each.id === team);
    if (chosen && chosen.legs.length) map.fitBounds(L.latLngBounds(chosen.legs.flatMap((leg) => leg.line.map(latlng))), { padding: [40, 40], animate: false });
  }
  function heading() {
    const plan = data.plan, told = [
      `${t("window")} ${day(data.window.start)} ${clock(data.window.start)} – ${day(data.window.end).slice(5)} ${clock(data.window.end)}`,
      `${t("as_of")} ${day(data.as_of)} ${clock(data.as_of)}`, `${t("run")} ${data.run_id} · seed ${data.seed} · ${data.version} · ${data.model}`,
    ];
    if (plan) told.push(`${t("served")} ${plan.served}/${plan.demands} · ${t("gap")} ${number(100 * plan.gap)} %${plan.certified ? " ✓" : ""}`);
    document.querySelector("header .facts").textContent = told.join(" · ");
    document.querySelector("h1").textContent = data.title || t(data.kind);
    document.title = data.title || t(data.kind);
    const badge = document.getElementById("badge"); badge.textContent = t("synthetic"); badge.hidden = !data.synthetic;
    for (const node of document.querySelectorAll("[data-word]")) node.textContent = t(node.dataset.word);
    for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
    document.getElementById("search").placeholder = t("search");
    document.getElementById("low").textContent = "0"; document.getElementById("high").textContent = number(most);
  }
  function refresh() {
    root.lang = state.lang === "zh" ? "zh-CN" : "en";
    if (root.dataset.theme !== state.theme) { root.dataset.theme = state.theme; lines.redraw(); }
    heading(); drawHour(); drawRoutes();
    for (const tab of document.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === state.tab));
    const panel = document.getElementById("panel"), was = panel.scrollTop;
    panel.replaceChildren(); panels[state.tab](panel); panel.scrollTop = was;
    writeHash();
  }
  const on = (id, event, act) => document.getElementById(id).addEventListener(event, act);
  on("language", "click", () => { state.lang = state.lang === "zh" ? "en" : "zh"; refresh(); });
  on("theme", "click", () => { state.theme = state.theme === "dark" ? "light" : "dark"; refresh(); });
  on("full", "click", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));
  on("print", "click", () => window.print());
  on("slider", "input", (event) => { state.hour = Number(event.target.value); refresh(); });
  on("search", "input", refresh);
  let playing = 0;
  on("play", "click", (event) => {
    clearInterval(playing);
    playing = playing ? 0 : setInterval(() => { state.hour = (state.hour + 1) % Math.max(1, data.hours.length); refresh(); }, 1200);
    event.currentTarget.setAttribute("aria-pressed", String(Boolean(playing)));
  });
  for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => { state.tab = tab.dataset.tab; refresh(); });
  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape") { search.value = ""; search.blur(); refresh(); }
  });
  window.addEventListener("hashchange", () => { readHash(); refresh(); });
  document.getElementById("slider").max = Math.max(0, data.hours.length - 1);
  state.hour = data.hotspots.length ? data.hours.map((_, h) => data.hotspots.reduce((s, x) => s + x.hourly[h], 0)).reduce((b, v, i, a) => (v > a[b] ? i : b), 0) : 0;
  map.attributionControl.setPrefix(false);
  L.control.scale({ imperial: false }).addTo(map);
  if (data.attribution) map.attributionControl.addAttribution(make("span", data.attribution).innerHTML);
  const all = [...data.hotspots.flatMap((s) => s.rings.flat()), ...data.points.map((p) => [p.lon, p.lat]), ...data.areas.features.flatMap((a) => a.rings.flat())];
  if (all.length) map.fitBounds(L.latLngBounds(all.map(latlng)), { animate: false });
  readHash(); refresh(); if (state.team) choose(state.team);
  requestAnimationFrame(() => requestAnimationFrame(() => root.setAttribute("data-ready", "")));
})();
