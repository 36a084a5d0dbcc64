"use strict";
/* Closed streets: a dark line with a broken bright one on it, so that it is told without colour; a tooltip says why. */
(() => {
  const { data, t, make, drawn } = Patrol, closures = data.closures ?? [];
  if (!closures.length) return;
  const group = L.layerGroup(), when = (each) => (each.start || each.end ? `${each.start ? Patrol.day(each.start) + " " + Patrol.clock(each.start) : "…"} – ${each.end ? Patrol.day(each.end) + " " + Patrol.clock(each.end) : "…"}` : t("until_further_notice"));
  const note = (each) => make("div", null, {}, make("b", `${t("closed")}: ${each.reason}`), make("div", when(each)), make("div", each.modes.map(t).join(" · "), { class: "soft" }));
  const lines = closures.map((each) => {
    const places = each.line.map(PatrolMap.latlng), style = { renderer: PatrolMap.renderer, lineCap: "butt" };
    const under = L.polyline(places, { ...style, weight: 8 }).bindTooltip(() => note(each), { sticky: true, opacity: 1 }).addTo(group);
    return [under, L.polyline(places, { ...style, weight: 4, dashArray: "7 7", interactive: false }).addTo(group)];
  });
  const redraw = () => { for (const [under, over] of lines) { under.setStyle({ color: Patrol.colour("ink"), opacity: 0.9 }); over.setStyle({ color: Patrol.colour("mark"), opacity: 1 }); } };
  const sign = () => {
    const key = drawn("svg", { viewBox: "0 0 28 16", class: "key", "aria-hidden": "true" });
    key.append(drawn("path", { d: "M0 8h28", class: "closed" }), drawn("path", { d: "M0 8h28", class: "closed over" }));
    return key;
  };
  PatrolMap.addLayer("closures", group, { redraw, sign });
  PatrolPaper.add(() => PatrolPaper.table(t("closed"), [t("reason"), t("windows"), t("kind")], [...new Map(closures.map((each) => [each.reason, each])).values()].map((each) => [each.reason, when(each), each.modes.map(t).join(" · ")])),
    { over: ({ add, path }) => { for (const each of closures) { add("path", { d: path(each.line), fill: "none", stroke: "#14202b", "stroke-width": 5 }); add("path", { d: path(each.line), fill: "none", stroke: "#ffd97a", "stroke-width": 2.5, "stroke-dasharray": "5 5" }); } } });
})();
