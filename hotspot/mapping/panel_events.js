"use strict";
/* Large events: what each needs, who stands where and when, who is short, and the visits that the patrols lose. */
(() => {
  const { data, state, $, t, make } = Patrol, { matches, pairs, empty } = PatrolPanels, night = data.events;
  if (!night) return;
  const postsOf = (event) => night.posts.filter((post) => post.event_id === event.event_id);
  const chosen = (event) => event.event_id === state.event;
  const people = (got, wanted) => `${got}/${wanted}`;
  const duty = (row) => `${row.team_id} · ${row.members} ${t("people")} · ${Patrol.span(row.start, row.end)} · ${t("leaves_point")} ${Patrol.clock(row.leave_point)}`;

  function choose(event, act) {
    state.event = chosen(event) ? "" : event.event_id;
    act.refresh(); look();
  }
  function look() {
    const event = night.each.find(chosen);
    if (event) PatrolMap.fit([event, ...postsOf(event)].map((place) => [place.lat, place.lon]), { pills: false });
  }
  function detail(event) {
    const rows = postsOf(event).map((post) => make("li", null, {}, make("b", post.post_id), make("time", people(post.assigned, post.headcount)),
      make("span", Patrol.placeOf(post) || `${post.lat.toFixed(5)}, ${post.lon.toFixed(5)}`), make("small", post.duties.map(duty).join(" ‖ ") || t("nobody")),
      ...(post.short ? [make("small", null, {}, make("b", `${t("people_short")}: ${post.short}`))] : [])));
    const more = make("div", null, { class: "more" }, pairs([[t("level"), event.level], [t("attendance"), event.attendance], [t("teams"), event.teams], ...(event.role_need ? [[t("roles_needed"), roles(event.role_need)]] : []),
      ...(event.role_short ? [[t("roles_short"), roles(event.role_short)]] : [])]), make("b", t("posts")), make("ol", null, { class: "posts" }, ...rows));
    return more;
  }
  const roles = (text) => text.split(";").map((part) => { const [role, count] = part.split("="); return `${t(role)} ${count}`; }).join(" · ");

  function events(panel, act) {
    const { patrol } = night;
    panel.append(make("p", null, { class: night.short ? "alarm" : "" }, make("b", `${t("people_needed")} ${night.needed} · ${t("people_come")} ${night.assigned} · ${t("people_short")} ${night.short}`)),
      make("p", `${t("staffing_table")}: ${night.table.is_example ? t("staffing_example") : night.table.source}`, { class: "soft" }));
    const found = night.each.filter((event) => matches(event.event_id, event.name, postsOf(event).map((post) => [post.post_id, post.duties.map((row) => row.team_id)]).flat(2)));
    if (!found.length) empty(panel, "no_events");
    for (const event of found) {
      const row = make("button", null, { class: "row", type: "button", "data-key": "event " + event.event_id, "aria-expanded": String(chosen(event)) }, make("b", event.event_id), make("span", event.name), make("time", Patrol.span(event.start, event.end)));
      row.append(make("small", `${t("level")} ${event.level} · ${event.attendance} ${t("people")} · ${t("people_come")} ${people(event.assigned, event.headcount)} · ${event.posts} ${t("posts")}${event.short ? ` · ${t("people_short")}: ${event.short}` : ""}`));
      row.addEventListener("click", () => choose(event, act));
      panel.append(row);
      if (chosen(event)) panel.append(detail(event));
    }
    for (const each of night.binding) panel.append(make("p", `${t("in_the_way")}: ${t("binding_" + each.rule)} · ${each.changes.map(Patrol.said).join(", ")}`, { class: "wrap" }));
    panel.append(make("h2", t("patrol_loss")), make("p", `${t("value")}: ${Patrol.fixed(patrol.value_before, 3)} → ${Patrol.fixed(patrol.value_after, 3)} · ${t("visit")}: ${patrol.visits_before} → ${patrol.visits_after}`));
    if (!night.lost.length) panel.append(make("p", t("none_lost"), { class: "soft" }));
    for (const [i, visit] of night.lost.entries()) {
      const row = make("button", null, { class: "row", type: "button", "data-key": "lost " + i }, make("b", visit.hotspot_id), make("span", `${t(visit.activity)} · ${t(visit.why)} ${visit.event_id}`), make("time", `${visit.team_id} ${Patrol.span(visit.start, visit.leave)}`));
      row.addEventListener("click", () => act.look(visit.hotspot_id));
      panel.append(row);
    }
  }
  PatrolPanels.add("events", events, { count: night.each.length, first: true, look });
  PatrolPaper.add(() => [...PatrolPaper.table(t("events"), ["event", "start", "level", "attendance", "people_needed", "people_come", "people_short"].map(t),
    night.each.map((event) => [`${event.event_id} ${event.name}`, Patrol.span(event.start, event.end), event.level, event.attendance, event.headcount, event.assigned, event.short])),
  ...PatrolPaper.table(t("posts"), ["event", "post", "place", "people_needed", "people_come", "teams"].map(t),
    night.posts.map((post) => [post.event_id, post.post_id, Patrol.placeOf(post), post.headcount, post.assigned, post.duties.map(duty).join(" ‖ ")])),
  ...(night.lost.length ? PatrolPaper.table(t("patrol_loss"), ["hotspot", "activity", "team", "start", "reason"].map(t), night.lost.map((visit) => [visit.hotspot_id, t(visit.activity), visit.team_id, Patrol.span(visit.start, visit.leave), `${t(visit.why)} ${visit.event_id}`])) : [])],
  { over: paint, first: true });

  function paint({ add, at }) {
    for (const post of night.posts) {
      const [x, y] = at([post.lon, post.lat]);
      add("rect", { x: x - 7, y: y - 7, width: 14, height: 14, fill: post.short ? "#3a2a00" : "#ffd97a", stroke: "#3a2a00" });
      add("text", { x, y: y + 3.5, "font-size": 9, "font-weight": 700, "text-anchor": "middle", fill: post.short ? "#ffd97a" : "#3a2a00" }, post.short ? "!" : String(post.headcount));
    }
    for (const event of night.each) { const [x, y] = at([event.lon, event.lat]); add("text", { x, y: y + 6, "font-size": 18, "text-anchor": "middle", fill: "#0059a8", stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, "★"); }
  }

  /* On the map: a star where the event is, a square with the people wanted at each post; one that is short is marked. */
  const group = L.layerGroup();
  const mark = (place, text, kind, name) => {
    const icon = L.divIcon({ className: "spot", html: make("i", text, { class: "mark " + kind }), iconSize: [24, 24] });
    const marker = L.marker([place.lat, place.lon], { icon, keyboard: false, zIndexOffset: kind === "event" ? 300 : 200 }).bindTooltip(name, { opacity: 1, offset: [10, 0] });
    return marker.addTo(group);
  };
  for (const post of night.posts) mark(post, post.short ? "!" : post.headcount, post.short ? "post short" : "post", () => make("div", null, {}, make("b", `${post.event_id} · ${post.post_id}`),
    make("div", `${t("people_come")} ${people(post.assigned, post.headcount)}`), make("div", post.duties.map(duty).join(" ‖ "), { class: "soft" })));
  for (const event of night.each) mark(event, "★", "event", () => make("b", `${event.event_id} ${event.name}`));
  const sign = () => make("span", null, { class: "key" }, make("i", "5", { class: "mark post", "aria-hidden": "true" }));
  PatrolMap.addLayer("posts", group, { sign, places: [...night.posts, ...night.each].map((place) => [place.lon, place.lat]) });
})();
