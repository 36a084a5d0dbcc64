"use strict";
/* A report: which of its languages is shown, in which theme; both are kept in the address (#lang=zh&theme=dark). */
(() => {
  const root = document.documentElement, state = { lang: "", theme: "" };
  const parts = [...document.querySelectorAll("[data-language]")], languages = parts.map((part) => part.dataset.language);
  const shown = () => parts.find((part) => part.dataset.language === state.lang);
  const button = (does) => shown().querySelector(`[data-does=${does}]`);

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const pick = (key, allowed, otherwise) => (allowed.includes(asked.get(key)) ? asked.get(key) : otherwise);
    state.lang = pick("lang", languages, languages[0]);
    state.theme = pick("theme", ["light", "dark"], matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }
  function show() {
    for (const part of parts) part.hidden = part.dataset.language !== state.lang;
    root.lang = shown().lang; root.dataset.theme = state.theme; document.title = shown().dataset.title;
    for (const theme of document.querySelectorAll("[data-does=theme]")) theme.textContent = theme.dataset[state.theme === "dark" ? "light" : "dark"];
    const address = "#" + new URLSearchParams(state);
    if (location.protocol !== "about:" && address !== location.hash) history.replaceState(null, "", address);
  }
  const does = {
    language() { state.lang = languages[(languages.indexOf(state.lang) + 1) % languages.length]; show(); button("language").focus({ preventScroll: true }); },
    theme() { state.theme = state.theme === "dark" ? "light" : "dark"; show(); },
    print() { window.print(); },
  };
  for (const part of parts) {
    part.querySelector(".tools").hidden = false;
    for (const each of part.querySelectorAll("[data-does]")) each.addEventListener("click", does[each.dataset.does]);
    /* a place in the page, without giving up the address for it */
    for (const link of part.querySelectorAll("a[href^='#']")) link.addEventListener("click", (event) => {
      event.preventDefault();
      const place = document.getElementById(link.getAttribute("href").slice(1));
      place.scrollIntoView(); place.focus({ preventScroll: true });
    });
  }
  window.addEventListener("hashchange", () => { read(); show(); });
  read(); show();
  requestAnimationFrame(() => requestAnimationFrame(() => root.setAttribute("data-ready", "")));
})();
