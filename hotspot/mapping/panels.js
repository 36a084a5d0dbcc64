"use strict";
/* The lists beside the map: teams, hotspots, key times, unserved demands, about. */
const PatrolPanels = (() => {
  const { data, state, $, t, make } = Patrol;
  const matches = (...texts) => {
    const wanted = $("search").value.trim().toLowerCase();
    return texts.flat().some((text) => String(text ?? "").toLowerCase().includes(wanted));
  };
  const facts = (pairs) => make("dl", null, {}, ...pairs.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
  const empty = (panel, key) => panel.append(make("p", t($("search").value.trim() ? "nothing_found" : key), { class: "soft" }));

  function teams(panel, act) {
    const found = data.teams.filter((team) => matches(team.id, team.name, team.point_id, Patrol.point(team.point_id)?.name, t(team.kind), team.visits.map((v) => [v.hotspot_id, v.place])));
    if (Patrol.narrow()) found.sort((a, b) => Number(b.id === state.team) - Number(a.id === state.team)); /* below the map at once */
    if (!found.length) empty(panel, "no_teams");
    for (const team of found) {
      const chosen = team.id === state.team, planned = team.visits.length > 0;
      const row = make("button", null, { class: planned ? "row" : "row off", type: "button", "data-key": "team " + team.id, "aria-pressed": String(chosen) },
        make("b", team.id), make("span", team.name), make("time", Patrol.span(team.shift.start, team.shift.end)));
      const told = planned ? `${team.visits.length} ${t("stops")} · ${Patrol.km(Patrol.distance(team))}`
        : team.reason ? `${t("not_in_plan")}: ${t(team.reason)}` : t("idle");
      row.append(make("small", `${told} · ${t(team.mode)} · ${team.point_id}`));
      row.addEventListener("click", () => act.team(chosen ? "" : team.id));
      panel.append(row);
      if (chosen) panel.append(teamDetail(team));
    }
  }
  const stopNote = (v) => [`${t("stay")} ${Patrol.minutes(v.start, v.leave)} ${t("minutes")}`,
    v.travel_s > 0 ? `${t("travel")} ${Patrol.way(v.travel_s, v.travel_m)}` : t("same_place"),
    Patrol.clock(v.arrive) !== Patrol.clock(v.start) && v.travel_s > 0 ? `${t("there_at")} ${Patrol.clock(v.arrive)}` : ""].filter(Boolean).join(" · ");
  function teamDetail(team) {
    const home = Patrol.point(team.point_id), more = make("div", null, { class: "more" });
    const stops = team.visits.map((v) => make("li", null, {}, make("b", v.sequence), make("time", Patrol.span(v.start, v.leave)),
      make("span", [v.hotspot_id, v.place, t(v.activity)].filter(Boolean).join(" · ")),
      make("small", stopNote(v))));
    const back = Patrol.back(team);
    if (back) stops.push(make("li", null, {}, make("b", "⌂"), make("time", Patrol.clock(back)), make("span", t("way_back"))));
    if (stops.length) more.append(make("ol", null, { class: "stops" }, ...stops));
    more.append(facts([[t("patrol_point"), [team.point_id, home?.name].filter(Boolean).join(" ")], [t("members"), team.members], [t("kind"), t(team.kind)],
      [t("roles"), team.roles.map(t).join(" · ")]]));
    return more;
  }

  function hotspots(panel, act) {
    const found = data.hotspots.filter((spot) => matches(spot.id, t(spot.activity), Object.keys(spot.category_mix)));
    if (!found.length) empty(panel, "no_hotspots");
    const ramp = Patrol.ramp();
    for (const spot of found) {
      const chosen = spot.id === state.spot, now = spot.hourly[state.hour] ?? 0;
      const swatch = make("i", null, { class: "swatch" });
      swatch.style.background = ramp[Patrol.classOf(now, Patrol.edges)];
      const row = make("button", null, { class: "row", type: "button", "data-key": "spot " + spot.id, "aria-expanded": String(chosen) },
        make("b", spot.id), make("span", t(spot.activity)), make("span", null, { class: "figure", title: t("this_hour") }, swatch, Patrol.fixed(now)));
      row.append(make("small", spot.windows.map((w) => Patrol.dayAndSpan(w.start, w.end)).join(" · ")),
        make("small", `${t("expected")} ${Patrol.fixed(spot.expected)} (${Patrol.interval(spot)})`));
      row.addEventListener("click", () => act.spot(chosen ? "" : spot.id));
      panel.append(row);
      if (chosen) panel.append(spotDetail(spot));
    }
  }
  function spotDetail(spot) {
    const mix = Object.entries(spot.category_mix).sort((a, b) => b[1] - a[1]).map(([name, share]) => `${name} ${Patrol.fixed(100 * share, 0)} %`);
    const visits = Patrol.visitsOf(spot).map(({ team, visit }) => `${team.id} ${Patrol.span(visit.arrive, visit.leave)}`);
    const pairs = [[t("rank"), spot.rank], [t("expected"), `${Patrol.fixed(spot.expected)} (${t("interval")} ${Patrol.interval(spot)})`], [t("observed"), spot.observed],
      [t("p_value"), Patrol.pValue(spot.p_value)], [t("mix"), mix.join(" · ")]];
    if (data.kind === "plan") pairs.push([t("visited_by"), visits.join(" · ") || t("nobody")]);
    return make("div", null, { class: "more" }, make("b", t("why")), make("p", spot.explanation?.[state.lang] ?? ""), facts(pairs));
  }

  /* The week as 7 x 24 fields; only the hours of this page's window are buttons, so that Tab reaches few. */
  /* How many pairs of incidents came near each other in place and time, against chance; and the hours that hold half of all. */
  function repeats(panel) {
    const found = data.statistics?.near_repeats, key = data.statistics?.key_times;
    if (key?.windows.length) panel.append(make("b", t("key_times")), make("p", key.windows.map(([a, b]) => `${Patrol.weekdayName(Math.floor(a / 24) % 7)} ${a % 24}:00–${b % 24}:00`).join(" · ")),
      make("p", `${t("hold")} ${Patrol.fixed(100 * key.share, 0)} % · ${t("by_chance")} ${Patrol.fixed(100 * key.chance, 0)} % · ${t("p_value")} ${Patrol.pValue(key.p_value)}`, { class: "soft" }));
    if (!found?.events) return;
    const rows = found.rows, head = ["distance", "days_apart", "pairs", "by_chance", "p_value"];
    const band = (from, to, unit) => (to === 0 ? t("same_place") : `${from}–${to} ${unit}`);
    const lines = rows.map((row) => make("tr", null, {}, make("td", band(row.from_m, row.to_m, "m")), make("td", band(row.from_t, row.to_t, t("days"))), make("td", row.observed), make("td", Patrol.fixed(row.expected, 1)), make("td", Patrol.pValue(row.p_value))));
    panel.append(make("b", t("near_repeats")), make("p", `${found.events} · ${found.days} ${t("days")}`, { class: "soft" }),
      make("table", null, { class: "repeats" }, make("thead", null, {}, make("tr", null, {}, ...head.map((word) => make("th", t(word), { scope: "col" })))), make("tbody", null, {}, ...lines)));
  }

  function times(panel, act) {
    const spot = Patrol.hotspot(state.spot), of = spot ? [spot] : data.hotspots;
    const week = Array.from({ length: 7 }, (_, d) => Array.from({ length: 24 }, (_, h) => of.reduce((sum, each) => sum + (each.calendar?.[d]?.[h] ?? 0), 0)));
    const edges = Patrol.scaleOf(Patrol.peak(week.flat())), ramp = Patrol.ramp();
    const at = new Map();
    data.hours.forEach((iso, i) => { const key = `${Patrol.weekday(iso)} ${Patrol.hourOf(iso)}`; if (!at.has(key) || i === state.hour) at.set(key, i); });
    const table = make("table", null, { class: "week" }, make("caption", t("calendar"), { class: "unseen" }));
    const head = make("tr", null, {}, make("td", null));
    for (let h = 0; h < 24; h++) head.append(make("th", h % 3 ? "" : h, { scope: "col" }));
    table.append(make("thead", null, {}, head));
    const body = make("tbody", null);
    week.forEach((hours, d) => {
      const line = make("tr", null, {}, make("th", Patrol.weekdayName(d), { scope: "row" }));
      hours.forEach((value, h) => {
        const told = `${Patrol.weekdayName(d)} ${h}:00 · ${Patrol.fixed(value)}`, cell = make("td", null, { title: told }), index = at.get(`${d} ${h}`);
        cell.style.background = ramp[Patrol.classOf(value, edges)];
        if (index !== undefined) {
          const jump = make("button", null, { type: "button", "data-key": `hour ${d} ${h}`, "aria-label": told, "aria-pressed": String(index === state.hour) });
          jump.addEventListener("click", () => act.hour(index));
          cell.append(jump);
        }
        line.append(cell);
      });
      body.append(line);
    });
    table.append(body);
    const top = week.flatMap((hours, d) => hours.map((value, h) => ({ d, h, value }))).sort((a, b) => b.value - a.value || a.d - b.d || a.h - b.h).slice(0, 5).filter((each) => each.value > 0);
    panel.append(make("p", spot ? `${t("calendar_one")} ${spot.id}` : t("calendar_all")), table, make("p", t("calendar_jump"), { class: "soft" }));
    repeats(panel);
    if (top.length) panel.append(make("b", t("busiest")), make("ol", null, {}, ...top.map((each) => make("li", `${Patrol.weekdayName(each.d)} ${each.h}:00–${each.h + 1}:00 · ${Patrol.fixed(each.value)}`))));
  }

  function unserved(panel, act) {
    const found = data.unserved.filter((demand) => matches(demand.hotspot_id, t(demand.reason), t(demand.activity), demand.detail));
    if (!found.length) empty(panel, data.plan ? "all_served" : "no_teams");
    for (const [i, demand] of found.entries()) {
      const row = make("button", null, { class: "row", type: "button", "data-key": "unserved " + i }, make("b", demand.hotspot_id), make("span", t(demand.activity)),
        make("time", Patrol.span(demand.window_start, demand.window_end)), make("small", `${t("reason")}: ${t(demand.reason)} · ${demand.detail}`), make("small", `${t("relaxation")}: ${demand.relaxation}`));
      row.addEventListener("click", () => act.look(demand.hotspot_id));
      panel.append(row);
    }
  }

  function about(panel) {
    for (const key of ["about_risk", "about_reports", "about_people", "about_privacy", "about_effect", ...(data.plan ? ["about_value"] : []), "about_keys", "about_datum"]) panel.append(make("p", t(key)));
    if (data.notices.length) panel.append(make("b", t("notices")), make("ul", null, { class: "wrap" }, ...data.notices.map((notice) => make("li", notice))));
    panel.append(make("b", t("facts")), facts(PatrolPanels.facts()));
  }

  /* [word, text] of everything a reader must know about where this page comes from; nothing unknown is shown. */
  function known() {
    const plan = data.plan, w = data.window, pairs = [];
    if (w) pairs.push([t("window"), `${Patrol.day(w.start)} ${Patrol.clock(w.start)} – ${Patrol.day(w.end) === Patrol.day(w.start) ? "" : Patrol.day(w.end).slice(5) + " "}${Patrol.clock(w.end)} (${Patrol.offset(w.start)})`]);
    if (data.as_of) pairs.push([t("as_of"), `${Patrol.day(data.as_of)} ${Patrol.clock(data.as_of)}`]);
    if (data.generated) pairs.push([t("generated"), data.generated.replace("T", " ").slice(0, 16)]);
    if (data.run_id) pairs.push([t("run"), data.run_id]);
    if (data.seed !== null) pairs.push([t("seed"), data.seed]);
    if (plan) pairs.push([t("served"), `${plan.served}/${plan.demands}`], [t("gap"), Number.isFinite(plan.gap) ? `${Patrol.fixed(100 * plan.gap, 2)} %${plan.certified ? ` (${t("certified")})` : ""}` : "–"]);
    if (data.model) pairs.push([t("model"), data.model]);
    if (data.version) pairs.push([t("version"), data.version]);
    return pairs;
  }
  return { teams, hotspots, times, unserved, about, facts: known };
})();
