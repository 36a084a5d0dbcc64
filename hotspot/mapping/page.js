"use strict";
/* Puts the parts together: what each control does, and one refresh that draws everything from the state. */
const PatrolPage = (() => {
  const { data, state, root, $, t, make } = Patrol;
  const shown = () => PatrolPanels.register.get(state.tab);
  let playing = 0;

  const toMap = () => Patrol.narrow() && window.scrollTo({ top: $("stage").offsetTop, behavior: "instant" });
  const act = {
    team(id) { state.team = id; const team = Patrol.team(id); refresh(); if (team?.legs.length) PatrolMap.showTeam(team); if (team) toMap(); },
    spot(id) { state.spot = id; const spot = Patrol.hotspot(id); refresh(); if (spot) PatrolMap.showSpot(spot); },
    look(id) { const spot = Patrol.hotspot(id); if (spot) { state.spot = id; refresh(); PatrolMap.showSpot(spot); } },
    hour(index) { state.hour = index; refresh(); },
    refresh() { refresh(); },
    tab(name) { state.tab = name; $("panel").scrollTop = 0; refresh(); },
  };
  PatrolMap.listen((id) => { state.spot = state.spot === id ? "" : id; state.tab = state.spot ? "hotspots" : state.tab; refresh(); reveal("spot " + id); },
    (id) => { if (Patrol.tabs.includes("teams")) { state.tab = "teams"; $("search").value = id; } refresh(); PatrolMap.showPoint(Patrol.point(id)); });

  const keyed = (key) => [...$("panel").querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);
  /* Scrolls the list, never the page: on a phone the map must stay in sight. */
  function reveal(key) {
    const row = keyed(key), panel = $("panel");
    if (row && panel.scrollHeight > panel.clientHeight) panel.scrollTop += row.getBoundingClientRect().top - panel.getBoundingClientRect().top - 60;
  }

  function classes() {
    const most = Patrol.most, bounds = [0, ...Patrol.edges, most];
    const digits = [0, 1, 2, 3].find((n) => new Set(bounds.map((bound) => Patrol.fixed(bound, n))).size === bounds.length) ?? 4;
    return bounds.slice(1).map((high, k) => (most > 0 ? `${Patrol.fixed(bounds[k], digits)}–${Patrol.fixed(high, digits)}` : "–"));
  }
  function heading() {
    const title = data.title || data.district || t(data.kind);
    document.querySelector("h1").textContent = title;
    document.title = title;
    $("badge").hidden = !data.synthetic; $("badge").textContent = t("synthetic");
    $("facts").replaceChildren(...PatrolPanels.facts().map(([name, value]) => make("span", name + " ", {}, make("b", value))));
    for (const node of document.querySelectorAll("[data-word]")) node.textContent = t(node.dataset.word);
    for (const node of document.querySelectorAll("[data-label]")) { node.setAttribute("aria-label", t(node.dataset.label)); if (node.tagName === "BUTTON") node.title = t(node.dataset.label); }
    $("language").textContent = t("language"); $("language").title = t("language_label"); $("language").lang = state.lang === "zh" ? "en" : "zh-CN";
    $("theme").textContent = t(state.theme === "dark" ? "to_light" : "to_dark");
    $("view").textContent = t(state.view === "map" ? "table_view" : "map_view"); $("view").setAttribute("aria-pressed", String(state.view === "table"));
    $("full").hidden = !document.fullscreenEnabled;
    $("search").placeholder = t("search"); $("search").hidden = !shown().search;
    $("attribution").textContent = data.attribution; $("attribution").hidden = !data.attribution;
    $("hint").hidden = !PatrolMap.isEmpty; $("hint").textContent = t("nothing_here");
  }
  const signs = () => $("signs").replaceChildren(...PatrolMap.extra.filter(({ name, sign }) => sign && PatrolMap.shown.has(name))
    .map(({ name, sign }) => make("li", null, {}, sign(), make("span", t("sign_" + name)))));
  function legend() {
    const told = classes();
    for (const node of document.querySelectorAll("#legend .ofplan")) node.hidden = !data.teams.length;
    $("ramp").replaceChildren(...Patrol.ramp().map((colour, k) => { const bar = make("i", null); bar.style.background = colour; return make("div", null, {}, bar, told[k]); }));
    signs();
    $("layers").replaceChildren(...PatrolMap.names.map((name) => {
      const box = make("input", null, { type: "checkbox", "data-layer": name });
      box.checked = PatrolMap.shown.has(name);
      box.addEventListener("change", () => { PatrolMap.setLayer(name, box.checked); PatrolMap.drawHour(); signs(); });
      return make("label", null, {}, box, t("layer_" + name));
    }));
  }
  function time() {
    const iso = data.hours[state.hour], told = iso ? `${Patrol.weekdayName(Patrol.weekday(iso))} ${Patrol.day(iso).slice(5)} ${Patrol.clock(iso)}` : "–";
    $("time").hidden = !data.hours.length;
    $("hour").textContent = told;
    $("slider").value = String(state.hour); $("slider").setAttribute("aria-valuetext", told);
    $("play").setAttribute("aria-label", t(playing ? "pause" : "play")); $("play").title = t(playing ? "pause" : "play");
    $("play").textContent = playing ? "❚❚" : "▶"; $("play").setAttribute("aria-pressed", String(Boolean(playing)));
    const most = Patrol.peak(Patrol.hourly) || 1;
    $("bars").classList.toggle("many", data.hours.length > 48);
    $("bars").replaceChildren(...Patrol.hourly.map((value, h) => { const bar = make("i", null, { class: [h === state.hour ? "now" : "", h && Patrol.hourOf(data.hours[h]) === 0 ? "day" : ""].join(" ").trim() }); bar.style.height = `${(100 * value) / most}%`; return bar; }));
  }
  function tabs() {
    const list = document.querySelector("[role=tablist]");
    if (!list.children.length) for (const name of Patrol.tabs) {
      const tab = make("button", null, { role: "tab", type: "button", id: "tab-" + name, "aria-controls": "panel" });
      tab.addEventListener("click", () => act.tab(name));
      list.append(tab);
    }
    for (const name of Patrol.tabs) {
      const tab = $("tab-" + name), on = state.tab === name, { count } = PatrolPanels.register.get(name);
      tab.replaceChildren(t(name), ...(count ? [make("small", " " + count)] : []));
      tab.setAttribute("aria-selected", String(on)); tab.tabIndex = on ? 0 : -1;
    }
    $("panel").setAttribute("aria-labelledby", "tab-" + state.tab);
  }
  function list() {
    const panel = $("panel"), was = panel.scrollTop, focused = panel.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    panel.replaceChildren(); shown().draw(panel, act); panel.scrollTop = was;
    if (focused) keyed(focused)?.focus({ preventScroll: true });
  }
  function refresh() {
    PatrolNow.tell();
    root.lang = state.lang === "zh" ? "zh-CN" : "en";
    const repaint = root.dataset.theme !== state.theme;
    root.dataset.theme = state.theme;
    if (repaint) PatrolMap.redrawStreets();
    heading(); legend(); time(); tabs(); list(); PatrolMap.drawHour(); PatrolMap.drawRoutes();
    $("tables").hidden = state.view !== "table";
    if (state.view === "table") PatrolPaper.fillTables();
    PatrolWall.draw();
    Patrol.writeAddress();
  }

  const on = (id, event, does) => $(id).addEventListener(event, does);
  const step = () => act.hour((state.hour + 1) % Math.max(1, data.hours.length));
  on("language", "click", () => { state.lang = state.lang === "zh" ? "en" : "zh"; refresh(); });
  on("theme", "click", () => { state.theme = state.theme === "dark" ? "light" : "dark"; refresh(); });
  on("view", "click", () => { state.view = state.view === "map" ? "table" : "map"; refresh(); });
  on("full", "click", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));
  on("print", "click", () => { PatrolPaper.fillPaper(); window.print(); });
  on("closer", "click", () => PatrolMap.map.zoomIn());
  on("farther", "click", () => PatrolMap.map.zoomOut());
  on("whole", "click", () => PatrolMap.showAll());
  on("slider", "input", (event) => act.hour(Number(event.target.value)));
  on("search", "input", refresh);
  on("play", "click", () => { if (playing) clearInterval(playing); playing = playing ? 0 : setInterval(step, 1200); time(); });
  document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = Patrol.tabs[(Patrol.tabs.indexOf(state.tab) + by + Patrol.tabs.length) % Patrol.tabs.length];
    act.tab(next); $("tab-" + next).focus();
  });
  document.addEventListener("keydown", (event) => {
    const search = $("search"), typing = document.activeElement === search;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); if (search.hidden) act.tab(Patrol.tabs[0]); search.focus(); }
    if (event.key === "Escape") { if (search.value) search.value = ""; else if (!typing) { state.team = ""; state.spot = ""; state.event = ""; state.street = ""; state.area = ""; state.cell = ""; } search.blur(); refresh(); }
  });
  window.addEventListener("hashchange", () => { Patrol.readAddress(); refresh(); look(); PatrolWall.follow(); });
  window.addEventListener("beforeprint", PatrolPaper.fillPaper);
  new ResizeObserver(() => PatrolMap.map.invalidateSize({ animate: false })).observe($("stage"));

  function look() {
    const team = Patrol.team(state.team), spot = Patrol.hotspot(state.spot);
    if (team?.legs.length) PatrolMap.showTeam(team); else if (spot) PatrolMap.showSpot(spot);
    else for (const panel of PatrolPanels.register.values()) panel.look();
    reveal(state.tab === "hotspots" ? "spot " + state.spot : "team " + state.team);
  }
  function start() {
    if (Patrol.narrow()) $("legend").removeAttribute("open");
    $("slider").max = String(Math.max(0, data.hours.length - 1));
    Patrol.readAddress(); refresh();
    PatrolMap.map.invalidateSize({ animate: false });
    PatrolMap.showAll(); look(); PatrolWall.follow();
    const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => root.setAttribute("data-ready", "")));
    if (PatrolMap.streets.isLoading()) PatrolMap.streets.once("load", painted); else painted();
  }
  /* Half a minute has gone by on a page of tonight: what teams do now may have changed. */
  function minute() { if (state.tab === "teams" && !$("panel").matches(":focus-within")) list(); PatrolWall.draw(); }
  return { start, refresh, minute, act, classes };
})();
document.addEventListener("DOMContentLoaded", PatrolPage.start); /* when the files after this one are there */
