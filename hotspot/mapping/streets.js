"use strict";
/* Streets: from whole steps of 1e-5 degree to lines on canvas tiles, found through an index over tiles of zoom 14. */
const PatrolStreets = (() => {
  const Z = 14, TILES = 2 ** Z, MINOR_FROM = 13;

  /* Places as x, y in tiles of zoom 14, flat: [x0, y0, x1, y1, ...]; `from` is where the line before began. */
  function decoded(flat, from) {
    const line = new Float64Array(flat.length);
    let [x, y] = from;
    for (let i = 0; i < flat.length; i += 2) {
      x += flat[i]; y += flat[i + 1];
      const sine = Math.sin((y / 1e5) * Math.PI / 180);
      line[i] = (x / 1e5 + 180) / 360 * TILES;
      line[i + 1] = (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * TILES;
    }
    return line;
  }

  /* Each line begins where the one before began, and some steps on. */
  function decodedAll(all) {
    const from = [0, 0];
    return all.map((flat) => { const line = decoded(flat, from); if (flat.length) { from[0] += flat[0]; from[1] += flat[1]; } return line; });
  }

  function indexed(lines) {
    const index = new Map();
    lines.forEach((line, i) => {
      let west = Infinity, east = -Infinity, north = Infinity, south = -Infinity;
      for (let k = 0; k < line.length; k += 2) {
        west = Math.min(west, line[k]); east = Math.max(east, line[k]);
        north = Math.min(north, line[k + 1]); south = Math.max(south, line[k + 1]);
      }
      for (let x = Math.floor(west); x <= east; x++)
        for (let y = Math.floor(north); y <= south; y++) {
          const key = x + "/" + y;
          if (index.has(key)) index.get(key).push(i); else index.set(key, [i]);
        }
    });
    return index;
  }

  /* A Leaflet layer; `colours()` gives [major, minor] when a tile is drawn, so redraw() follows the theme. */
  function layer(packed, colours) {
    const lines = decodedAll(packed.lines), index = indexed(lines);
    const near = (west, north, east, south) => {
      const found = new Set();
      for (let x = Math.floor(west); x <= Math.floor(east); x++)
        for (let y = Math.floor(north); y <= Math.floor(south); y++)
          for (const i of index.get(x + "/" + y) ?? []) found.add(i);
      return found;
    };
    const Layer = L.GridLayer.extend({
      createTile(at) {
        const size = this.getTileSize(), sharp = Math.min(3, Math.max(1, window.devicePixelRatio || 1));
        const tile = document.createElement("canvas");
        tile.width = size.x * sharp; tile.height = size.y * sharp;
        const pen = tile.getContext("2d"), scale = 2 ** (at.z - Z), west = at.x / scale, north = at.y / scale;
        const margin = 8 / size.x / scale; /* a street on the edge of a tile belongs to both */
        const found = near(west - margin, north - margin, west + 1 / scale + margin, north + 1 / scale + margin);
        const swell = Math.min(2.2, Math.max(0.7, (at.z - 11) / 2.2)), ink = colours();
        pen.lineJoin = pen.lineCap = "round";
        for (const kind of at.z < MINOR_FROM ? [0] : [1, 0]) {
          pen.strokeStyle = ink[kind];
          pen.lineWidth = (kind ? 0.8 : 1.6) * swell * sharp;
          pen.beginPath();
          for (const i of found) {
            if (packed.class[i] !== kind) continue;
            const line = lines[i];
            for (let k = 0; k < line.length; k += 2) {
              const x = (line[k] - west) * scale * tile.width, y = (line[k + 1] - north) * scale * tile.height;
              if (k) pen.lineTo(x, y); else pen.moveTo(x, y);
            }
          }
          pen.stroke();
        }
        return tile;
      },
    });
    return new Layer({ updateWhenIdle: false, pane: "tilePane" });
  }

  /* The major streets as lists of [lon, lat], for the picture that is printed. */
  function major(packed) {
    return PatrolData.lines(packed.lines).filter((_, i) => packed.class[i] === 0);
  }
  return { layer, major };
})();
