"use strict";
/* What changed since an earlier run: hotspots that are new, gone, hotter or cooler than their intervals allow. */
(() => {
  const { data, t, make } = Patrol, { matches } = PatrolPanels, since = data.since;
  if (!since) return;
  const KINDS = ["new", "gone", "grown", "shrunk", "same"];
  const changed = since.rows.filter((row) => row.kind !== "same"), id = (row) => (row.after ?? row.before).id;
  const value = (spot) => (spot ? `${spot.id} ${t("rank")} ${spot.rank}: ${Patrol.fixed(spot.expected)} (${Patrol.interval(spot)})` : "–");

  function draw(panel, act) {
    const w = since.window;
    panel.append(make("p", `${t("compared_with")} ${[since.run_id, `${Patrol.day(w.start)} – ${Patrol.day(w.end)}`, `${t("as_of")} ${Patrol.day(since.as_of)}`].filter(Boolean).join(" · ")}`, { class: "soft" }),
      make("p", KINDS.map((kind) => `${t("since_" + kind)} ${since.rows.filter((row) => row.kind === kind).length}`).join(" · ")));
    for (const row of since.rows.filter((each) => matches(id(each), t("since_" + each.kind)))) {
      const line = make("button", null, { class: "row", type: "button", "data-key": `since ${row.kind} ${id(row)}` }, make("b", id(row)), make("span", t("since_" + row.kind)), make("span", t((row.after ?? row.before).activity), { class: "figure" }),
        make("small", `${t("before")}: ${value(row.before)}`), make("small", `${t("now")}: ${value(row.after)}`));
      line.addEventListener("click", () => row.after && act.look(row.after.id));
      panel.append(line);
    }
  }
  PatrolPanels.add("since", draw, { count: changed.length });
  PatrolPaper.add(() => PatrolPaper.table(`${t("since")} · ${since.run_id}`, [t("hotspot"), t("difference"), t("before"), t("now")], since.rows.map((row) => [id(row), t("since_" + row.kind), value(row.before), value(row.after)])));
})();
