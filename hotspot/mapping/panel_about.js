"use strict";
/* What the colours mean and don't mean, and where all of this comes from. */
(() => {
  const { data, t, make } = Patrol, { pairs } = PatrolPanels;

  function about(panel) {
    for (const key of ["about_risk", "about_reports", "about_people", "about_privacy", "about_effect", ...(data.plan ? ["about_value"] : []), "about_keys", "about_datum"]) panel.append(make("p", t(key)));
    if (data.notices.length) panel.append(make("b", t("notices")), make("ul", null, { class: "wrap" }, ...data.notices.map((notice) => make("li", Patrol.said(notice)))));
    panel.append(make("b", t("facts")), pairs(PatrolPanels.facts()));
  }

  PatrolPanels.add("about", about, { search: false });
})();
