"use strict";
/* The wall: large letters, and the view goes round through the busiest hours and the teams by itself. */
const PatrolWall = (() => {
  const { data, state, root, $, t, make } = Patrol;
  const REST_MS = 10000, HOURS = 3, MOST_STOPS = 8, MOST_NOW = 12;
  const steps = [...busiest().map((hour) => ({ hour })), ...data.teams.filter((team) => team.visits.length).map((team) => ({ team }))];
  let at = 0, timer = 0, on = false;

  function busiest() {
    const order = data.hours.map((_, hour) => hour).sort((a, b) => Patrol.hourly[b] - Patrol.hourly[a] || a - b);
    return order.filter((hour) => Patrol.hourly[hour] > 0).slice(0, HOURS).sort((a, b) => a - b);
  }
  const hourOfTeam = (team) => Math.max(0, data.hours.findLastIndex((iso) => Date.parse(iso) <= Date.parse(team.visits[0].start)));

  /* One round: what the teams do now, on a page of tonight; then the hours, then the teams. */
  const round = () => [...(working().length ? [{ now: true }] : []), ...steps];
  const working = () => data.teams.map((team) => [team, PatrolNow.doing(team)]).filter(([, now]) => now && now.next < Infinity).sort((a, b) => a[1].next - b[1].next);
  function show(step) {
    state.team = step.team?.id ?? ""; state.spot = "";
    state.hour = step.team ? hourOfTeam(step.team) : step.now ? Math.max(0, PatrolNow.index()) : step.hour;
    PatrolPage.refresh();
    if (step.team?.legs.length) PatrolMap.showTeam(step.team); else PatrolMap.showAll();
  }
  const lines = (rows) => make("ol", null, {}, ...rows.map((cells) => make("li", null, {}, ...cells.map((text, i) => make(i ? "span" : "b", text)))));
  function ofTeam(team) {
    const stops = team.visits.slice(0, MOST_STOPS).map((v) => [Patrol.clock(v.start), [v.hotspot_id, Patrol.placeOf(v)].filter(Boolean).join(" · ")]);
    const left = team.visits.length - stops.length;
    if (left > 0) stops.push(["…", Patrol.counted(left, "stops")]);
    return [make("h2", `${team.id} ${team.name}`), make("p", `${Patrol.span(team.shift.start, team.shift.end)} · ${Patrol.counted(team.visits.length, "stops")}`), lines(stops)];
  }
  function ofHour() {
    const iso = data.hours[state.hour], now = data.hotspots.filter((spot) => (spot.hourly[state.hour] ?? 0) > 0)
      .sort((a, b) => b.hourly[state.hour] - a.hourly[state.hour]).slice(0, 6);
    return [make("h2", `${Patrol.weekdayName(Patrol.weekday(iso))} ${Patrol.clock(iso)}`), make("p", `${t("expected")}: ${Patrol.fixed(Patrol.hourly[state.hour], 1)}`),
      lines(now.map((spot) => [spot.id, `${t(spot.activity)} · ${Patrol.fixed(spot.hourly[state.hour])}`]))];
  }
  function ofNow() {
    const rows = working(), shown = rows.slice(0, MOST_NOW).map(([team, now]) => [team.id, now.text]);
    if (rows.length > MOST_NOW) shown.push(["…", `+${rows.length - MOST_NOW}`]);
    return [make("h2", t("now_title")), make("p", new Date(Date.now() + offsetMs()).toISOString().slice(11, 16)), lines(shown)];
  }
  /* The district's clock, whatever the zone of the screen: the offset is in its own times. */
  function offsetMs() {
    const found = /([+-])(\d\d):(\d\d)$/.exec(data.window?.start ?? "");
    return found ? (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) * 60000 : 0;
  }
  /* The board beside the map: what the map shows at the moment, to be read from across the room. */
  function draw() {
    $("wall").textContent = t("wall"); $("wall").setAttribute("aria-pressed", String(state.wall)); $("wall").hidden = !steps.length;
    $("board").hidden = !state.wall;
    root.toggleAttribute("data-wall", state.wall);
    if (!state.wall) return;
    const team = Patrol.team(state.team), all = round();
    $("board").replaceChildren(make("p", `${at + 1} / ${all.length}`, { class: "soft" }), ...(team ? ofTeam(team) : all[at]?.now ? ofNow() : data.hours.length ? ofHour() : []));
  }
  function move(by) {
    const all = round();
    at = (at + by + all.length) % all.length;
    show(all[at]);
  }
  function wake() { clearInterval(timer); timer = on ? setInterval(() => move(1), REST_MS) : 0; }
  /* Begins or ends as the state asks: from the button, a key or the address. */
  function follow() {
    if (!steps.length) state.wall = false;
    if (state.wall === on) return;
    on = state.wall; at = 0; wake();
    PatrolPage.refresh(); PatrolMap.map.invalidateSize({ animate: false });
    if (on) { at = -1; move(1); } else PatrolMap.showAll();
  }
  const turn = (to) => { state.wall = to; follow(); };
  $("wall").addEventListener("click", () => turn(!on));
  document.addEventListener("keydown", (event) => {
    if (!on) return;
    if (event.key === "Escape") turn(false);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by && event.target.id !== "slider") { move(by); wake(); }
  });
  return { draw, follow };
})();
