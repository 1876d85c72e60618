// The page: wires the drawing, the data set and the results together.

import * as api from "./api.js";
import { centred, pixelsOf } from "./fit.js";
import { Grid } from "./grid.js";
import { makeLayers, showAnswer, showLayer, showSeen } from "./results.js";
import { makeTimeline, timelineNote } from "./timeline.js";

const element = (id) => document.getElementById(id);
const tell = (text) => { element("alert").textContent = text; };

let model, grid, layers, pixels, label = null, last = null, busy = false, again = false;

// Ask for the answer to the newest input; inputs that come meanwhile replace each other.
async function ask() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  do {
    again = false;
    const known = label;
    try {
      last = { found: await api.answer(pixels), label: known };
      show();
    } catch (error) {
      tell(error.message);
    }
  } while (again);
  busy = false;
}

function show() {
  grid?.draw();
  if (!last) return;
  const { found, label } = last;
  tell(found.difference ? `The gateware differs from the golden model: ${found.difference}` : "");
  showAnswer(found, label, model);
  showSeen(found.elements, model.input);
  layers.forEach((layer, index) => showLayer(layer, found.activations[index]));
  if (model.schedule) {
    element("timeline-note").textContent = timelineNote(model.schedule, found.latency);
  }
}

function drawn() {
  pixels = grid.pixels;
  label = null;
  element("label").textContent = "";
  ask();
}

async function take(file) {
  if (!file || !grid || grid.vector) return;
  try {
    grid.set(await pixelsOf(file, grid));
    drawn();
  } catch (error) {
    tell(error.message);
  }
}

function makeGrid({ cells, size, form }) {
  const vector = form === "vector", colour = form === "colour";
  grid = new Grid(element("grid"), cells, { size, vector, changed: drawn,
    say: (text) => { element("cursor").textContent = text; } });
  element("drawing").hidden = false;
  element("ink-label").hidden = !colour;
  element("centre").hidden = colour || vector;
  element("open").hidden = element("erase").hidden = vector;
  if (vector) {
    element("keys").textContent =
      "A click or Space switches a cell, arrows move, Delete clears.";
  }
  const erase = () => {
    grid.erasing = !grid.erasing;
    element("erase").setAttribute("aria-pressed", grid.erasing);
  };
  element("erase").onclick = erase;
  element("grid").addEventListener("keydown", (event) => {
    if (event.key === "e" && !vector) {
      erase();
      element("cursor").textContent = grid.erasing ? "eraser" : "ink";
    }
  });
  element("clear").onclick = () => grid.clear();
  element("invert").onclick = () => grid.invert();
  element("centre").onclick = () => {
    grid.set(centred(grid, grid));
    drawn();
  };
  element("ink").oninput = ({ target }) => {
    grid.ink = [1, 3, 5].map((place) => parseInt(target.value.slice(place, place + 2), 16));
  };
  element("file").onchange = async ({ target }) => {
    await take(target.files[0]);
    target.value = "";
  };
  acceptDrops(element("input"));
}

function acceptDrops(box) {
  // A picture that misses the box must not replace the page.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  box.addEventListener("dragover", () => box.classList.add("drop"));
  box.addEventListener("dragleave", () => box.classList.remove("drop"));
  box.addEventListener("drop", (event) => {
    box.classList.remove("drop");
    take(event.dataTransfer.files[0]);
  });
}

async function showImage(index) {
  element("index").value = index;
  try {
    const found = await api.image(index);
    if (Number(element("index").value) !== index) return;
    ({ pixels, label } = found);
    grid?.set(pixels);
    element("label").textContent = label === null ? "" : `Image ${index}, a ${label}`;
    ask();
  } catch (error) {
    tell(error.message);
  }
}

function makeExamples({ name, images, wrong }) {
  const right = wrong ? `, ${(images - wrong.length).toLocaleString("en")} read right` : "";
  element("data").textContent = `${name}: ${images.toLocaleString("en")} images${right}`;
  element("examples").hidden = false;
  element("index").max = images - 1;
  const only = element("only-wrong");
  only.parentElement.hidden = !wrong?.length;
  const step = (by) => {
    const now = Math.trunc(Number(element("index").value)) || 0;
    if (!only.checked) return showImage((now + by + images) % images);
    const next = by > 0 ? wrong.find((index) => index > now) ?? wrong[0]
      : wrong.findLast((index) => index < now) ?? wrong.at(-1);
    return showImage(next);
  };
  element("previous").onclick = () => step(-1);
  element("next").onclick = () => step(1);
  element("index").onchange = ({ target }) => {
    const wanted = Math.trunc(Number(target.value)) || 0;
    showImage(Math.min(Math.max(wanted, 0), images - 1));
  };
  only.onchange = () => {
    if (only.checked && !wrong.includes(Number(element("index").value))) step(1);
  };
}

async function start() {
  model = await api.model();
  const { input, schedule, data } = model;
  document.title = `${model.name} · xnorloom`;
  element("name").textContent = model.name;
  const each = input.cuts ?? input.bits, what = input.cuts ? "cut" : "bit";
  element("about").textContent = `${input.shape.join(" × ")} inputs of ${each} `
    + `${what}${each > 1 ? "s" : ""} · ${model.classes} classes · `
    + `${model.synapses.toLocaleString("en")} binary weights · answered by ${model.responder}`;
  layers = makeLayers(model.layers);
  element("layers").hidden = !layers.length;
  if (schedule) {
    element("timeline-section").hidden = false;
    makeTimeline(element("timeline"), schedule);
  }
  pixels = new Uint8Array(input.size);
  if (input.form !== "none") makeGrid(input);
  if (data) makeExamples(data);
  if (data) await showImage(0);
  else await ask();
  new ResizeObserver(show).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}

start().catch((error) => {
  element("about").textContent = "";
  tell(error.message);
});
