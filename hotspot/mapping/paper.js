"use strict";
/* The same facts without a live map: tables to read or copy, and a still picture for the printer. */
const PatrolPaper = (() => {
  const { data, state, $, t, make, drawn } = Patrol;

  function table(title, heads, rows) {
    const head = make("thead", null, {}, make("tr", null, {}, ...heads.map((each) => make("th", each, { scope: "col" }))));
    const body = make("tbody", null, {}, ...rows.map((cells) => make("tr", null, {}, ...cells.map((cell) => make("td", cell)))));
    return [make("h2", title), make("div", null, { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, make("table", null, {}, head, body))];
  }
  function visits() {
    const rows = data.teams.flatMap((team) => team.visits.map((v) => [`${team.id} ${team.name}`, v.sequence, Patrol.clock(v.arrive), Patrol.clock(v.start), Patrol.clock(v.leave),
      `${Patrol.minutes(v.start, v.leave)} ${t("minutes")}`, [v.hotspot_id, Patrol.placeOf(v)].filter(Boolean).join(" · "), t(v.activity), v.travel_s > 0 ? Patrol.way(v.travel_s, v.travel_m) : t("same_place")]));
    return table(t("visit"), ["team", "order", "arrive", "start", "leave", "dwell", "place", "activity", "travel"].map(t), rows);
  }
  function hotspots() {
    const rows = data.hotspots.map((s) => [s.id, t(s.activity), s.windows.map((w) => Patrol.dayAndSpan(w.start, w.end)).join(" · "), Patrol.fixed(s.expected), Patrol.interval(s),
      s.observed, Patrol.visitsOf(s).map(({ team, visit }) => `${team.id} ${Patrol.clock(visit.arrive)}`).join(" · ") || t("nobody")]);
    return table(t("hotspots"), ["hotspot", "activity", "windows", "expected", "interval", "observed", "visited_by"].map(t), rows);
  }
  function resting() {
    const rows = data.teams.filter((team) => !team.visits.length).map((team) => [`${team.id} ${team.name}`, Patrol.span(team.shift.start, team.shift.end), team.reason ? `${t("not_in_plan")}: ${t(team.reason)}` : t("idle")]);
    return rows.length ? table(t("idle"), ["team", "shift", "reason"].map(t), rows) : [];
  }
  function unserved() {
    if (!data.plan) return [];
    const missed = data.missed.map((text) => make("p", Patrol.said(text)));
    if (!data.unserved.length) return [make("h2", t("unserved")), make("p", t("all_served")), ...missed];
    const rows = data.unserved.map((d) => [d.hotspot_id, t(d.activity), Patrol.span(d.window_start, d.window_end), t(d.reason), Patrol.said(d.detail), Patrol.said(d.relaxation)]);
    return [...missed, ...table(t("unserved"), ["hotspot", "activity", "windows", "reason", "detail", "relaxation"].map(t), rows)];
  }
  /* Of other files: `tables()` gives what `table` gives; `under` and `over` draw into the picture, before and after
     routes; `first` tables come before the page's own. */
  const others = [];
  const add = (tables, { under = () => {}, over = () => {}, first = false } = {}) => others.push({ tables, under, over, first });
  const ofOthers = (first) => others.filter((each) => each.first === first).flatMap(({ tables }) => tables());
  const everyTable = () => [...ofOthers(true), ...(data.plan ? visits() : []), ...hotspots(), ...resting(), ...unserved(), ...ofOthers(false)];
  const fillTables = () => $("tables").replaceChildren(...everyTable(), ...(data.notices.length ? [make("h2", t("notices")), ...data.notices.map((notice) => make("p", Patrol.said(notice), { class: "wrap" }))] : []));

  /* A round length of about a sixth of the picture. */
  function scaleBar(add, perMetre, height) {
    const round = [1, 2, 5].flatMap((k) => [1, 10, 100, 1000, 10000, 100000].map((ten) => k * ten)).sort((a, b) => a - b);
    const metres = round.findLast((each) => each * perMetre <= 130) ?? 1, length = metres * perMetre;
    add("path", { d: `M12 ${height - 18}v6h${length.toFixed(1)}v-6`, fill: "none", stroke: "#14202b", "stroke-width": 1.5 });
    add("text", { x: 16, y: height - 17, "font-size": 10 }, Patrol.km(metres));
  }

  /* North is up, one scale for both axes; always in the light colours. */
  function picture() {
    const W = 760, H = 470, M = 24, light = ["#ffeda0", "#fec44f", "#f98a3c", "#d9342b", "#7a0c2e"];
    const routes = data.teams.flatMap((team) => team.legs.map((leg) => ({ team, line: leg.line })));
    const places = [...data.hotspots.flatMap((s) => s.rings.flat()), ...data.points.map((p) => [p.lon, p.lat]), ...data.areas.features.flatMap((a) => a.rings.flat()), ...routes.flatMap((r) => r.line)];
    const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": t("map") });
    if (!places.length) return svg;
    const least = (k) => places.reduce((a, p) => Math.min(a, p[k]), Infinity), most = (k) => places.reduce((a, p) => Math.max(a, p[k]), -Infinity);
    const [west, east, south, north] = [least(0), most(0), least(1), most(1)], squeeze = Math.cos((south + north) * Math.PI / 360);
    const scale = Math.min((W - 2 * M) / Math.max((east - west) * squeeze, 1e-4), (H - 2 * M) / Math.max(north - south, 1e-4));
    const at = (p) => [W / 2 + (p[0] - (west + east) / 2) * squeeze * scale, H / 2 - (p[1] - (south + north) / 2) * scale];
    const path = (line, end = "") => "M" + line.map((p) => at(p).map((x) => x.toFixed(1)).join(" ")).join("L") + end;
    const add = (tag, attributes, text) => svg.append(drawn(tag, attributes, text));
    add("path", { d: PatrolStreets.major(data.streets).map((line) => path(line)).join(""), fill: "none", stroke: "#c3ccd6", "stroke-width": 0.8 });
    for (const area of data.areas.features) add("path", { d: area.rings.map((ring) => path(ring, "Z")).join(""), fill: "none", stroke: "#7b8794", "stroke-width": 0.7, "stroke-dasharray": "4 3" });
    for (const s of data.hotspots) add("path", { d: s.rings.map((ring) => path(ring, "Z")).join(""), "fill-rule": "evenodd", fill: light[Patrol.classOf(s.hourly[state.hour] ?? 0, Patrol.edges)], "fill-opacity": 0.72, stroke: "#5a2a1a", "stroke-width": 1, ...(Patrol.isWide(s) ? { "stroke-dasharray": "5 4" } : {}) });
    const pen = { add, at, path };
    for (const { under } of others) under(pen);
    for (const { team, line } of routes) add("path", { d: path(line), fill: "none", stroke: team.id === state.team ? "#0059a8" : "#0a6e5c", "stroke-width": team.id === state.team ? 3.5 : 1.8, ...(team.id === state.team ? {} : { "stroke-dasharray": "1 4", "stroke-linecap": "round" }) });
    for (const p of data.points) { const [x, y] = at([p.lon, p.lat]); add("circle", { cx: x, cy: y, r: 8, fill: "#14202b", stroke: "#fff", "stroke-width": 1.5 }); add("text", { x, y: y + 3.2, fill: "#fff", "font-size": 9, "font-weight": 700, "text-anchor": "middle" }, p.id.replace(/^\D+0*(?=\d)/, "").slice(0, 4)); }
    for (const s of data.hotspots) { const ring = s.rings[0].map(at), x = Math.max(...ring.map((p) => p[0])), y = Math.min(...ring.map((p) => p[1])); add("text", { x: x + 2, y: y + 4, "font-size": 10, "font-weight": 700, fill: "#5a2a1a", stroke: "#fff", "stroke-width": 2.5, "paint-order": "stroke" }, s.id); }
    for (const v of Patrol.team(state.team)?.visits ?? []) { const [x, y] = at([v.lon, v.lat]); add("circle", { cx: x, cy: y, r: 8, fill: "#fff", stroke: "#0059a8", "stroke-width": 2.5 }); add("text", { x, y: y + 3.4, "font-size": 9.5, "font-weight": 700, "text-anchor": "middle", fill: "#0059a8" }, String(v.sequence)); }
    for (const { over } of others) over(pen);
    scaleBar(add, scale / 111320, H);
    add("path", { d: `M${W - 22} 40l7 -24l7 24l-7 -6z`, fill: "#14202b" }); add("text", { x: W - 15, y: 13, "font-size": 11, "font-weight": 700, "text-anchor": "middle" }, t("north"));
    return svg;
  }
  function fillPaper() {
    const light = ["#ffeda0", "#fec44f", "#f98a3c", "#d9342b", "#7a0c2e"], key = make("div", null, { class: "scale" }, make("b", `${t("legend_risk")} · ${$("hour").textContent}`));
    PatrolPage.classes().forEach((told, k) => { const swatch = make("i", null); swatch.style.background = light[k]; key.append(make("span", null, {}, swatch, told)); });
    key.append(make("span", t("legend_dash")), make("span", t("north_up")), make("span", data.attribution));
    $("paper").replaceChildren(picture(), key, ...everyTable());
  }
  return { fillTables, fillPaper, table, add };
})();
