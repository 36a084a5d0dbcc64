"use strict";
/* Where the teams are now by the plan, on a page of tonight: a sign at its stop or along its way for each team that is out. */
const PatrolWhere = (() => {
  const { data, t, make } = Patrol, group = L.layerGroup();
  draw();
  if (data.plan && !PatrolNow.isOver()) PatrolMap.addLayer("where", group, { sign: () => make("span", null, { class: "key" }, make("i", "T1", { class: "mark where", "aria-hidden": "true" })) });

  function draw() {
    group.clearLayers();
    for (const team of data.teams) {
      const now = PatrolNow.doing(team);
      if (!now?.place) continue;
      const icon = L.divIcon({ className: "spot", html: make("i", team.id, { class: "mark where" }), iconSize: null, iconAnchor: [-4, 22] });
      L.marker([now.place[1], now.place[0]], { icon, keyboard: false, zIndexOffset: 600 }).on("click", () => PatrolPage.act.team(team.id))
        .bindTooltip(() => make("div", null, {}, make("b", `${team.id} ${team.name}`), make("div", PatrolNow.doing(team)?.text), make("div", t("by_the_plan"), { class: "soft" })), { opacity: 1 }).addTo(group);
    }
  }
  return { draw };
})();
