"use strict";
/* What every part of the page shares: the data, the words, the state kept in the address, and small helpers.
   Texts of the data reach the page through textContent and setAttribute only. */
const Patrol = (() => {
  const { data } = PatrolData;
  const catalogue = JSON.parse(document.getElementById("words").textContent);
  const root = document.documentElement;
  const tabs = []; /* filled by the panels, in their order */
  const own = (object, key) => (Object.prototype.hasOwnProperty.call(object, key) ? object[key] : undefined);
  const $ = (id) => document.getElementById(id);
  const state = { lang: data.language, theme: "light", hour: 0, team: "", spot: "", event: "", street: "", area: "", cell: "", tab: "", view: "map", wall: false };

  const t = (key) => own(catalogue[state.lang], key) ?? String(key);
  /* A text of the data in the reader's language, where it has more than one. */
  const said = (text) => PatrolData.text(text !== null && typeof text === "object" ? text[state.lang] ?? text.en ?? "" : text ?? "");
  /* 1 stop, 2 stops: the catalogue has `stops_one` where the singular differs. */
  const placeOf = (visit) => said(visit.place_in ?? visit.place);
  const counted = (count, key) => `${count} ${t(count === 1 && own(catalogue[state.lang], key + "_one") ? key + "_one" : key)}`;
  const make = (tag, text, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    if (text !== null && text !== undefined) node.textContent = String(text);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const drawn = (tag, attributes = {}, text = null) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== null) node.textContent = text;
    return node;
  };

  /* Times are ISO 8601 with the district's offset: their own text is the local clock, whatever the reader's zone. */
  const day = (iso) => iso.slice(0, 10), clock = (iso) => iso.slice(11, 16), hourOf = (iso) => Number(iso.slice(11, 13));
  const weekday = (iso) => (new Date(day(iso) + "T12:00:00Z").getUTCDay() + 6) % 7;
  const weekdayName = (index) => t("weekdays").split(" ")[index];
  const offset = (iso) => "UTC" + iso.slice(19).replace(/^\.\d+/, "").replace("Z", "+00:00").replace(/([+-])0?(\d+):00$/, "$1$2");
  const span = (from, to) => `${clock(from)}–${clock(to)}`;
  const dayAndSpan = (from, to) => `${weekdayName(weekday(from))} ${day(from).slice(5)} ${span(from, to)}`;
  const minutes = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 60000);

  const fixed = (x, digits = 2) => (Number.isFinite(x) ? x.toFixed(digits) : "–");
  const km = (metres) => (metres < 950 ? `${Math.round(metres)} m` : `${fixed(metres / 1000, 1)} km`);
  const interval = (spot) => `${fixed(spot.lower)}–${fixed(spot.upper)}`;
  const pValue = (p) => (!Number.isFinite(p) ? "–" : p < 0.001 ? "< 0.001" : fixed(p, 3));
  const way = (seconds, metres) => `${Math.round(seconds / 60)} ${t("minutes")} · ${km(metres)}`;

  /* Five classes whose edges grow with the square: a few busy hours don't wash out all others. */
  const peak = (values) => values.reduce((most, value) => Math.max(most, value), 0);
  const scaleOf = (most) => [0.04, 0.16, 0.36, 0.64].map((share) => share * most);
  const classOf = (value, edges) => edges.reduce((found, edge) => found + (value > edge && edge > 0 ? 1 : 0), 0);
  const edges = scaleOf(peak(data.hotspots.flatMap((spot) => spot.hourly)));
  const most = peak(data.hotspots.flatMap((spot) => spot.hourly));
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const ramp = () => [0, 1, 2, 3, 4].map((k) => colour("r" + k));
  const isWide = (spot) => spot.upper - spot.lower > spot.expected;
  const hourly = data.hours.map((_, h) => data.hotspots.reduce((sum, spot) => sum + (spot.hourly[h] ?? 0), 0));
  const busiest = Math.max(0, hourly.indexOf(Math.max(...hourly)));

  const narrow = () => matchMedia("(max-width: 800px)").matches;
  const team = (id) => data.teams.find((each) => each.id === id);
  const hotspot = (id) => data.hotspots.find((each) => each.id === id);
  const point = (id) => data.points.find((each) => each.id === id);
  const distance = (of) => of.legs.reduce((sum, leg) => sum + leg.travel_m, 0);
  const visitsOf = (spot) => data.teams.flatMap((of) => of.visits.filter((v) => v.hotspot_id === spot.id).map((visit) => ({ team: of, visit })));
  const back = (of) => { /* when the team is at its point again, in the district's own clock */
    const last = of.visits.at(-1), leg = of.legs.at(-1);
    if (!last || !leg || leg.sequence <= last.sequence) return "";
    const wall = Date.parse(last.leave.slice(0, 19) + "Z") + 1000 * leg.travel_s;
    return new Date(wall).toISOString().slice(0, 19) + last.leave.slice(19);
  };

  /* The address: #lang=zh&theme=dark&hour=20&team=T01; an hour that isn't the first of its name is told in full. */
    function readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const pick = (key, allowed, otherwise) => (allowed.includes(asked.get(key)) ? asked.get(key) : otherwise);
    const prefers = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    state.lang = pick("lang", Object.keys(catalogue), data.language);
    state.theme = pick("theme", ["light", "dark"], prefers);
    state.view = pick("view", ["map", "table"], "map");
    state.team = pick("team", data.teams.map((each) => each.id), "");
    state.spot = pick("hotspot", data.hotspots.map((each) => each.id), "");
    state.event = pick("event", (data.events?.each ?? []).map((each) => each.event_id), "");
    state.cell = pick("cell", Object.keys(data.cells.rings), "");
    state.area = pick("area", data.areas.features.map((each) => each.id), own(data.cells.area ?? {}, state.cell) ?? "");
    state.street = pick("street", data.areas.features.map((each) => each.street), data.areas.features.find((each) => each.id === state.area)?.street ?? "");
    state.tab = pick("tab", tabs, state.spot && !state.team ? "hotspots" : tabs[0]);
    const hour = asked.get("hour") ?? "";
    const at = data.hours.findIndex((iso) => (hour.includes("T") ? iso === hour : hour !== "" && hourOf(iso) === Number(hour)));
    const now = PatrolNow.index();
    state.hour = at >= 0 ? at : now >= 0 ? now : busiest;
    state.wall = asked.get("wall") === "1";
  }
  function writeAddress() {
    const shown = new URLSearchParams({ lang: state.lang, theme: state.theme });
    const iso = data.hours[state.hour];
    if (iso) shown.set("hour", data.hours.findIndex((each) => hourOf(each) === hourOf(iso)) === state.hour ? String(hourOf(iso)) : iso);
    if (state.team) shown.set("team", state.team);
    if (state.spot) shown.set("hotspot", state.spot);
    for (const name of ["event", state.cell ? "cell" : state.area ? "area" : "street"]) if (state[name]) shown.set(name, state[name]);
    if (state.tab !== tabs[0]) shown.set("tab", state.tab);
    if (state.view !== "map") shown.set("view", state.view);
    if (state.wall) shown.set("wall", "1");
    // a page inside another (a notebook) has no address of its own
    if (location.protocol !== "about:" && "#" + shown !== location.hash) history.replaceState(null, "", "#" + shown);
  }

  return { data, state, root, tabs, $, t, said, counted, placeOf, make, drawn, day, clock, hourOf, weekday, weekdayName, offset, span, dayAndSpan, minutes, fixed, km,
    interval, pValue, way, peak, scaleOf, classOf, edges, most, colour, ramp, isWide, hourly, team, hotspot, point, distance, visitsOf, back, narrow,
    readAddress, writeAddress };
})();
