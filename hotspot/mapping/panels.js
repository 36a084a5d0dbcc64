"use strict";
/* The lists beside the map: what they share, and the register that each list (a file panel_*.js) enters itself in. */
const PatrolPanels = (() => {
  const { data, $, t, make } = Patrol;
  const matches = (...texts) => {
    const wanted = $("search").value.trim().toLowerCase();
    return texts.flat().some((text) => String(text ?? "").toLowerCase().includes(wanted));
  };
  const pairs = (all) => make("dl", null, {}, ...all.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
  const empty = (panel, key) => panel.append(make("p", t($("search").value.trim() ? "nothing_found" : key), { class: "soft" }));

  /* A tab in the order of entry: `draw(panel, act)` fills the list; `count` stands beside its name; `search` false hides the field,
     `first` puts it before all others; `look()` brings what the address asks for into sight. */
  const register = new Map();
  function add(name, draw, { when = true, count = 0, search = true, first = false, look = () => {} } = {}) {
    if (!when) return;
    register.set(name, { draw, count, search, look });
    if (first) Patrol.tabs.unshift(name); else Patrol.tabs.push(name);
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
  return { add, register, matches, pairs, empty, facts: known };
})();
