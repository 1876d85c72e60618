// Drawing by mouse, finger and keys: pixels of {rows, columns, channels}, a byte each.

import { cells, colour, frames, shades } from "./paint.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Grid {
  // A vector has fewer elements than cells, and is switched cell by cell.
  constructor(canvas, { rows, columns, channels }, { size, vector, changed, say }) {
    Object.assign(this, { canvas, rows, columns, channels, size, vector, changed, say });
    this.pixels = new Uint8Array(size);
    this.ink = new Array(channels).fill(255);
    this.erasing = false;
    this.cursor = { row: rows >> 1, column: columns >> 1 };
    if (vector) this.cursor = { row: 0, column: 0 };
    // Half the width of a stroke, in cells: as thick as in MNIST.
    this.reach = vector ? 0 : Math.max(0.3, Math.min(rows, columns) / 22);
    canvas.style.aspectRatio = `${columns} / ${rows}`;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.last = null; });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const event of ["focus", "blur"]) canvas.addEventListener(event, () => this.draw());
  }

  set(pixels) {
    this.pixels = Uint8Array.from(pixels);
    this.draw();
  }

  clear() {
    this.set(new Uint8Array(this.size));
    this.changed();
  }

  invert() {
    this.set(this.pixels.map((pixel) => 255 - pixel));
    this.changed();
  }

  draw() {
    const shade = shades();
    const { context, scale } = cells(this.canvas, this, (row, column) => {
      const at = (row * this.columns + column) * this.channels;
      if (at >= this.size) return null;
      if (this.channels === 3) return [...this.pixels.slice(at, at + 3)];
      return shade(this.pixels[at] / 255);
    });
    const { row, column } = this.cursor;
    if (this.vector) frames(context, this, this.size, scale);
    if (document.activeElement !== this.canvas) return;
    context.strokeStyle = `rgb(${colour("--focus")})`;
    context.lineWidth = Math.max(2, scale / 6);
    context.strokeRect(column * scale + 1, row * scale + 1, scale - 2, scale - 2);
  }

  #press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.#place(event);
    if (this.vector) this.#switch(this.last);
    else this.#stroke(this.last, this.last);
  }

  #move(event) {
    if (!this.last || this.vector) return;
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) {
      const place = this.#place(part);
      this.#stroke(this.last, place);
      this.last = place;
    }
  }

  // Row and column of an event, whole numbers at the middle of cells.
  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { row: (event.clientY - box.top) / box.height * this.rows - 0.5,
      column: (event.clientX - box.left) / box.width * this.columns - 0.5 };
  }

  #key(event) {
    const move = MOVES[event.key];
    if (move && !event.ctrlKey && !event.altKey && !event.metaKey) {
      const clamp = (value, most) => Math.min(Math.max(value, 0), most - 1);
      const from = this.cursor;
      this.cursor = { row: clamp(from.row + move[0], this.rows),
        column: clamp(from.column + move[1], this.columns) };
      if (event.shiftKey && !this.vector) this.#stroke(from, this.cursor);
      this.draw();
      this.#tell();
    } else if (event.key === " " || event.key === "Enter") {
      if (this.vector) this.#switch(this.cursor);
      else this.#stroke(this.cursor, this.cursor);
      this.#tell();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
      this.say("cleared");
    } else {
      return;
    }
    event.preventDefault();
  }

  #tell() {
    const { row, column } = this.cursor, at = row * this.columns + column;
    const pixel = [...this.pixels.slice(at * this.channels, (at + 1) * this.channels)];
    if (this.vector) this.say(at < this.size ? `element ${at}: ${pixel[0] ? "on" : "off"}` : "none");
    else this.say(`row ${row + 1}, column ${column + 1}: ${pixel.join(" ")}`);
  }

  #switch({ row, column }) {
    const at = Math.round(row) * this.columns + Math.round(column);
    if (at < 0 || at >= this.size) return;
    this.pixels[at] = this.pixels[at] ? 0 : 255;
    this.cursor = { row: Math.floor(at / this.columns), column: at % this.columns };
    this.draw();
    this.changed();
  }

  // Draw a line with soft edges.
  #stroke(from, to) {
    const rows = to.row - from.row, columns = to.column - from.column;
    const square = rows * rows + columns * columns, reach = this.reach + 1;
    const top = Math.max(0, Math.floor(Math.min(from.row, to.row) - reach));
    const left = Math.max(0, Math.floor(Math.min(from.column, to.column) - reach));
    const bottom = Math.min(this.rows - 1, Math.max(from.row, to.row) + reach);
    const right = Math.min(this.columns - 1, Math.max(from.column, to.column) + reach);
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const share = square ? ((row - from.row) * rows + (column - from.column) * columns) / square : 0;
        const near = Math.min(1, Math.max(0, share));
        const far = Math.hypot(row - from.row - near * rows, column - from.column - near * columns);
        const ink = Math.min(1, Math.max(0, this.reach + 0.5 - far));
        if (ink) this.#blend((row * this.columns + column) * this.channels, ink);
      }
    }
    this.draw();
    this.changed();
  }

  #blend(at, share) {
    for (let channel = 0; channel < this.channels; channel++) {
      const old = this.pixels[at + channel], ink = this.erasing ? 0 : this.ink[channel];
      const mixed = Math.round(old + (ink - old) * share);
      // Strokes of one colour never weaken what is there.
      this.pixels[at + channel] = this.channels > 1 || this.erasing ? mixed : Math.max(old, mixed);
    }
  }
}
