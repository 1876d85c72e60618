// The answer: class, scores, what the network sees, and activations.

import { cells, colour, frames, shades } from "./paint.js";

// Scores that are shown; neurons in a row, and pixels of each at least; maps in a row.
const BARS = 20, ROW = 64, LEAST = 9, MAPS = 16;
const element = (id) => document.getElementById(id);

export function showAnswer(found, label, model) {
  const wrong = label !== null && label !== found.class;
  const box = element("answer"), number = document.createElement("b");
  number.textContent = found.class;
  const words = document.createElement("span");
  words.textContent = label === null ? `class ${found.class} of ${model.classes}`
    : wrong ? `read as ${found.class}, is ${label}` : `read as ${found.class}, which is right`;
  box.replaceChildren(number, words);
  box.classList.toggle("wrong", wrong);
  showScores(found, wrong);
  element("check").textContent = found.difference ? "" : sources(model);
}

// What gives class, scores and activations.
function sources({ responder, gives }) {
  const parts = ["Class", gives.scores && "scores", gives.activations && "activations"];
  const checked = list(parts.filter(Boolean)), many = gives.scores || gives.activations;
  const others = list([!gives.scores && "Scores", !gives.activations && "Activations"].filter(Boolean));
  return `From ${responder}. ${checked} equal${many ? "" : "s"} the golden model.`
    + (others ? ` ${others} are those of the golden model.` : "");
}

function list(words) {
  const small = words.map((word, index) => (index ? word.toLowerCase() : word));
  return small.length < 2 ? small.join("") : `${small.slice(0, -1).join(", ")} and ${small.at(-1)}`;
}

function showScores({ scores, class: read }, wrong) {
  let order = scores.map((_, index) => index);
  if (order.length > BARS) {
    order = order.sort((one, other) => scores[other] - scores[one]).slice(0, BARS);
  }
  const lowest = Math.min(0, ...scores), highest = Math.max(1, ...scores);
  element("scores").tBodies[0].replaceChildren(...order.map((index) => {
    const row = document.createElement("tr"), name = document.createElement("th");
    const bar = document.createElement("i"), track = document.createElement("span");
    name.scope = "row";
    name.textContent = index;
    track.className = "track";
    track.append(bar);
    bar.style.width = `${100 * (scores[index] - lowest) / (highest - lowest)}%`;
    row.className = index === read ? (wrong ? "best wrong" : "best") : "";
    row.append(name);
    row.insertCell().append(track);
    row.insertCell().textContent = scores[index].toLocaleString("en");
    return row;
  }));
}

export function showSeen(elements, { cells: map, bits, cuts, size, form }) {
  const canvas = element("seen"), shade = shades(), most = cuts ?? (1 << bits) - 1;
  canvas.style.aspectRatio = `${map.columns} / ${map.rows}`;
  const { context, scale } = cells(canvas, map, (row, column) => {
    const at = (row * map.columns + column) * map.channels;
    if (at >= size) return null;
    if (map.channels === 3) {
      return [...elements.slice(at, at + 3)].map((value) => Math.round(255 * value / most));
    }
    return shade(elements[at] / most);
  });
  if (form === "vector") frames(context, map, size, scale);
  canvas.setAttribute("aria-label", `Input of the network, ${map.rows} rows, ${map.columns} columns`);
  element("seen-note").textContent = cuts
    ? `${size.toLocaleString("en")} pixels, shaded by the cuts that they reach, 0 to ${cuts}.`
    : `${size.toLocaleString("en")} elements of ${bits} bit${bits > 1 ? "s" : ""}: `
      + `${most + 1} levels from 0 to ${most}.`;
}

// Make a canvas for each layer.
export function makeLayers(layers) {
  return layers.map((layer) => {
    const box = document.createElement("div"), title = document.createElement("h3");
    const details = document.createElement("span"), canvas = document.createElement("canvas");
    box.className = "layer";
    canvas.setAttribute("role", "img");
    title.append(layer.name, details);
    box.append(title, canvas);
    element("layers").append(box);
    return { ...layer, canvas, details: (text) => { details.textContent = text; }, about: layer.details };
  });
}

// Draw the channels of a map as tiles with gaps of an element; a vector as one row of tiles, or more.
export function showLayer(layer, values) {
  const { canvas, rows, columns, channels } = layer, vector = rows * columns === 1;
  const wide = canvas.parentElement.clientWidth, gap = vector ? 0 : 1;
  const most = vector ? Math.floor(wide / LEAST / 8) * 8 : Math.floor((wide + gap) / (columns + gap));
  const across = Math.max(1, Math.min(channels, most, vector ? ROW : MAPS));
  const tile = { rows: rows + gap, columns: columns + gap };
  const grid = { rows: Math.ceil(channels / across) * tile.rows - gap,
    columns: across * tile.columns - gap };
  const scale = Math.max(1, Math.min(vector ? 16 : 5, Math.floor(wide / grid.columns)));
  canvas.style.width = `${Math.min(wide, grid.columns * scale)}px`;
  const colours = [colour("--zero"), colour("--one")];
  const { context, scale: side } = cells(canvas, grid, (row, column) => {
    const [y, x] = [row % tile.rows, column % tile.columns];
    const channel = Math.floor(row / tile.rows) * across + Math.floor(column / tile.columns);
    if (y >= rows || x >= columns || channel >= channels) return null;
    return colours[values[(y * columns + x) * channels + channel]];
  });
  if (vector) separate(context, grid, side);
  const fires = values.reduce((sum, value) => sum + value, 0);
  const said = `${layer.about}; ${fires.toLocaleString("en")} of `
    + `${values.length.toLocaleString("en")} fire`;
  layer.details(said);
  canvas.setAttribute("aria-label", `${layer.name}: ${said}`);
}

// Clear thin lines between cells.
function separate(context, { rows, columns }, side) {
  const thin = Math.max(1, Math.round(side / 8));
  for (let row = 1; row < rows; row++) context.clearRect(0, row * side, columns * side, thin);
  for (let column = 0; column < columns; column++) context.clearRect(column * side, 0, thin, rows * side);
}
