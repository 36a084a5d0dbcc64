"use strict";
/* The data of the page, unpacked once: what encode.py packs. Streets and explanations stay packed until they are drawn or read. */
const PatrolData = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", LEVELS = 4095;
  const level = Object.fromEntries([...CHARACTERS].map((character, i) => [character, i]));

  /* [[lon, lat], ...] of steps; `from` is where the line before began, in steps. */
  function line(steps, from = [0, 0]) {
    const places = [];
    let [x, y] = from;
    for (let i = 0; i < steps.length; i += 2) { x += steps[i]; y += steps[i + 1]; places.push([x / 1e5, y / 1e5]); }
    return places;
  }
  function lines(all) {
    let from = [0, 0];
    return all.map((steps) => { const places = line(steps, from); if (steps.length) from = [from[0] + steps[0], from[1] + steps[1]]; return places; });
  }
  function numbers([most, code]) {
    const found = new Array(code.length / 2);
    for (let i = 0; i < found.length; i++) found[i] = most * (64 * level[code[2 * i]] + level[code[2 * i + 1]]) / LEVELS;
    return found;
  }
  /* A text, from its template's number and its figures where it is folded. */
  const text = (folded) => (Array.isArray(folded) ? data.texts[folded[0]].split("\u0001").map((part, i) => part + (folded[i + 1] ?? "")).join("") : folded);

  for (const spot of data.hotspots) {
    spot.rings = lines(spot.rings); spot.hourly = numbers(spot.hourly);
    if (spot.calendar) { const week = numbers(spot.calendar); spot.calendar = Array.from({ length: 7 }, (_, d) => week.slice(24 * d, 24 * d + 24)); }
  }
  for (const team of data.teams) for (const leg of team.legs) leg.line = line(leg.line);
  for (const shape of [...data.areas.features, ...(data.catchments?.points ?? [])]) shape.rings = lines(shape.rings);
  for (const name of Object.keys(data.cells.rings)) { data.cells.rings[name] = line(data.cells.rings[name]); data.cells.risk[name] = numbers(data.cells.risk[name]); }
  return { data, line, lines, numbers, text };
})();
