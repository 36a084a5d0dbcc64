"use strict";
/* Key times: the calendar of the week, and how near incidents follow each other. */
(() => {
  const { data, state, t, make } = Patrol;

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

  /* The week as 7 x 24 fields; only the hours of this page's window are buttons, so that Tab reaches few. */
  function times(panel, act) {
    const spot = Patrol.hotspot(state.spot), of = spot ? [spot] : data.hotspots;
    const week = Array.from({ length: 7 }, (_, d) => Array.from({ length: 24 }, (_, h) => of.reduce((sum, each) => sum + (each.calendar?.[d]?.[h] ?? 0), 0)));
    const edges = Patrol.scaleOf(Patrol.peak(week.flat())), ramp = Patrol.ramp();
    const at = new Map();
    data.hours.forEach((iso, i) => { const key = `${Patrol.weekday(iso)} ${Patrol.hourOf(iso)}`; if (!at.has(key) || i === state.hour) at.set(key, i); });
    /* Hours go down and days across: each field is then large enough to be hit. */
    const table = make("table", null, { class: "week" }, make("caption", t("calendar"), { class: "unseen" }));
    const head = make("tr", null, {}, make("td", null));
    for (let d = 0; d < 7; d++) head.append(make("th", Patrol.weekdayName(d), { scope: "col" }));
    table.append(make("thead", null, {}, head));
    const body = make("tbody", null);
    for (let h = 0; h < 24; h++) {
      const line = make("tr", null, {}, make("th", `${h}:00`, { scope: "row" }));
      week.forEach((hours, d) => {
        const told = `${Patrol.weekdayName(d)} ${h}:00 · ${Patrol.fixed(hours[h])}`, cell = make("td", null, { title: told }), index = at.get(`${d} ${h}`);
        cell.style.background = ramp[Patrol.classOf(hours[h], edges)];
        if (index === undefined) cell.append(make("span", Patrol.fixed(hours[h]), { class: "unseen" }));
        else {
          const jump = make("button", null, { type: "button", "data-key": `hour ${d} ${h}`, "aria-label": told, "aria-pressed": String(index === state.hour) });
          jump.addEventListener("click", () => act.hour(index));
          cell.append(jump);
        }
        line.append(cell);
      });
      body.append(line);
    }
    table.append(body);
    const top = week.flatMap((hours, d) => hours.map((value, h) => ({ d, h, value }))).sort((a, b) => b.value - a.value || a.d - b.d || a.h - b.h).slice(0, 5).filter((each) => each.value > 0);
    panel.append(make("p", spot ? `${t("calendar_one")} ${spot.id}` : t("calendar_all")), table, make("p", t("calendar_jump"), { class: "soft" }));
    repeats(panel);
    if (top.length) panel.append(make("b", t("busiest")), make("ol", null, {}, ...top.map((each) => make("li", `${Patrol.weekdayName(each.d)} ${each.h}:00–${each.h + 1}:00 · ${Patrol.fixed(each.value)}`))));
  }

  PatrolPanels.add("times", times, { search: false });
})();
