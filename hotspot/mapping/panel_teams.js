"use strict";
/* Teams and their stops. */
(() => {
  const { data, state, t, make } = Patrol, { matches, pairs, empty } = PatrolPanels;

  function teams(panel, act) {
    const found = data.teams.filter((team) => matches(team.id, team.name, team.point_id, Patrol.point(team.point_id)?.name, t(team.kind), team.visits.map((v) => [v.hotspot_id, Patrol.placeOf(v)])));
    if (Patrol.narrow()) found.sort((a, b) => Number(b.id === state.team) - Number(a.id === state.team)); /* below the map at once */
    if (!found.length) empty(panel, "no_teams");
    for (const team of found) {
      const chosen = team.id === state.team, planned = team.visits.length > 0;
      const row = make("button", null, { class: planned ? "row" : "row off", type: "button", "data-key": "team " + team.id, "aria-pressed": String(chosen) },
        make("b", team.id), make("span", team.name), make("time", Patrol.span(team.shift.start, team.shift.end)));
      const told = planned ? `${Patrol.counted(team.visits.length, "stops")} · ${Patrol.km(Patrol.distance(team))}`
        : team.reason ? `${t("not_in_plan")}: ${t(team.reason)}` : t("idle");
      const now = PatrolNow.doing(team);
      if (now) row.append(make("small", now.text, { class: "now" }));
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
      make("span", [v.hotspot_id, Patrol.placeOf(v), t(v.activity)].filter(Boolean).join(" · ")),
      make("small", stopNote(v))));
    const back = Patrol.back(team);
    if (back) stops.push(make("li", null, {}, make("b", "⌂"), make("time", Patrol.clock(back)), make("span", t("way_back"))));
    if (stops.length) more.append(make("ol", null, { class: "stops" }, ...stops));
    const duties = (data.events?.posts ?? []).flatMap((post) => post.duties.filter((duty) => duty.team_id === team.id).map((duty) => `${post.event_id} ${post.post_id} ${Patrol.span(duty.start, duty.end)}`));
    if (duties.length) more.append(make("p", `${t("duty")}: ${duties.join(" · ")}`));
    more.append(pairs([[t("patrol_point"), [team.point_id, home?.name].filter(Boolean).join(" ")], [t("members"), team.members], [t("kind"), t(team.kind)],
      [t("roles"), team.roles.map(t).join(" · ")]]));
    return more;
  }

  PatrolPanels.add("teams", teams, { when: Boolean(data.plan), count: data.teams.length });
})();
