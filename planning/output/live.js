"use strict";
// The watch writes status.js again and again; a page opened from a file may load a script, but not fetch a file.
(() => {
  const EVERY_MS = 2000, STALE_MS = 60000;
  const words = JSON.parse(document.getElementById("words").textContent);
  const said = document.getElementById("said"), map = document.getElementById("map");
  let shown = null, last = null, heardAt = 0;

  window.patrolStatus = (status) => {
    if (last === null || status.seen_ms !== last.seen_ms) heardAt = Date.now();
    last = status;
    if (status.run !== shown) {
      shown = status.run;
      let view = "";
      try { view = map.contentWindow.location.hash; } catch { view = location.hash; } // a file may not look into another
      map.src = `runs/${encodeURIComponent(status.run)}/map.html${view || location.hash}`;
      document.documentElement.dataset.run = status.run;
    }
    tell();
  };

  function tell() {
    const stale = last !== null && Date.now() - heardAt > STALE_MS;
    said.classList.toggle("stale", stale);
    said.textContent = last === null ? words.live_waiting
      : (stale ? words.live_stale : words.live_as_of)
        .replace("{at}", last.as_of.slice(11, 16)).replace("{seen}", last.seen.slice(11, 19));
  }

  function look() {
    const script = document.createElement("script");
    script.src = `status.js?${Date.now()}`;
    script.onload = script.onerror = () => { script.remove(); tell(); document.documentElement.setAttribute("data-ready", ""); };
    document.head.append(script);
  }

  tell();
  look();
  setInterval(look, EVERY_MS);
})();
