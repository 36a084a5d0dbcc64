"use strict";
/* The latest weeks against the same weeks of the year before, and what chance alone would do. */
(() => {
  const { data, t, make, drawn } = Patrol, { matches } = PatrolPanels, trend = data.trend;
  if (!trend) return;
  const PARTS = [["all", "trend_all"], ["category", "mix"], ["street", "street"], ["area", "community"], ["hour", "hours"]];
  const of = (part) => trend.rows.filter((row) => row.part === part);
  const areaName = (id) => data.areas.features.find((area) => area.id === id)?.name ?? id;
  const named = (row) => (row.part === "all" ? t("trend_all") : row.part === "hour" ? `${row.name}:00` : row.part === "area" ? areaName(row.name) : row.name);
  const ratio = (row) => (row.ratio === null ? "–" : `× ${Patrol.fixed(row.ratio)} (${Patrol.fixed(row.lower)}–${row.upper === null ? "∞" : Patrol.fixed(row.upper)})`);
  const verdict = (row) => t(row.within_chance ? "within_chance" : row.ratio === null || row.ratio > 1 ? "more_than_chance" : "less_than_chance");

  function table(part, rows) {
    const heads = ["", t("now"), t("year_before"), t("ratio")];
    return make("div", null, { class: "scroll", tabindex: "0", role: "group", "aria-label": t(part) }, make("table", null, { class: "figures" }, make("caption", t(part)),
      make("thead", null, {}, make("tr", null, {}, ...heads.map((head) => (head ? make("th", head, { scope: "col" }) : make("td", null))))),
      make("tbody", null, {}, ...rows.map((row) => make("tr", null, row.within_chance ? {} : { class: "beyond" }, make("th", named(row), { scope: "row" }), make("td", row.recent), make("td", row.before), make("td", ratio(row), {}, make("br", null), make("small", verdict(row))))))));
  }

  /* Weekly counts: this year strong, the year before dashed, and between them the band that chance leaves around the latter. */
  function chart() {
    const weeks = trend.weekly, W = 340, H = 110, B = 16, known = weeks.flat().filter((value) => value !== null);
    if (known.length < 2) return null;
    const wide = (value) => 1.96 * Math.sqrt(value * trend.dispersion), most = Math.max(...known.map((value) => value + wide(value)), 1);
    const x = (k) => 4 + (W - 8) * k / Math.max(1, weeks.length - 1), y = (value) => H - B - (H - B - 6) * Math.max(0, value) / most;
    const line = (k, shift = () => 0) => weeks.map((week, i) => (week[k] === null ? null : `${x(i).toFixed(1)} ${y(week[k] + shift(week[k])).toFixed(1)}`)).filter(Boolean);
    const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": t("weekly"), class: "trend" });
    const band = [...line(1, wide), ...line(1, (value) => -wide(value)).reverse()];
    if (band.length) svg.append(drawn("path", { d: `M${band.join("L")}Z`, class: "band" }));
    if (line(1).length) svg.append(drawn("path", { d: `M${line(1).join("L")}`, class: "before" }));
    svg.append(drawn("path", { d: `M${line(0).join("L")}`, class: "now" }), drawn("text", { x: 4, y: H - 3 }, t("weeks_ago").replace("{n}", () => String(weeks.length))), drawn("text", { x: W - 4, y: H - 3, "text-anchor": "end" }, t("now")), drawn("text", { x: 4, y: 10 }, String(Math.round(most))));
    return make("figure", null, {}, svg, make("figcaption", t("weekly_key"), { class: "soft" }));
  }

  function draw(panel) {
    const weeks = (text) => text.replace("{weeks}", () => String(trend.weeks));
    if (trend.reason) panel.append(make("p", Patrol.said(trend.reason), { class: "alarm" }));
    for (const row of of("all")) panel.append(make("p", null, { class: "headline" }, make("b", `${row.recent} / ${row.before} · ${ratio(row)} · ${verdict(row)}`)));
    if (!trend.reason) panel.append(make("p", weeks(t("trend_note")), { class: "soft" }));
    const picture = chart();
    if (picture) panel.append(picture);
    for (const [part, word] of PARTS.slice(1)) { const rows = of(part).filter((row) => matches(named(row))); if (rows.length) panel.append(table(word, rows)); }
    if (trend.dispersion > 1) panel.append(make("p", t("trend_dispersion").replace("{x}", () => Patrol.fixed(trend.dispersion, 1)), { class: "soft" }));
  }
  PatrolPanels.add("trend", draw);
  PatrolPaper.add(() => PARTS.filter(([part]) => of(part).length).flatMap(([part, word]) => PatrolPaper.table(`${t("trend")} · ${t(word)}`, [t(word), t("now"), t("year_before"), t("ratio"), t("verdict")], of(part).map((row) => [named(row), row.recent, row.before, ratio(row), verdict(row)]))));
})();
