// Canvases of pixels: each element is a square of whole device pixels.

export function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((place) => parseInt(text.slice(place, place + 2), 16));
}

// Colour of a number between 0, the paper, and 1, the ink.
export function shades() {
  const paper = colour("--card"), ink = colour("--ink");
  return (share) => paper.map((low, place) => Math.round(low + (ink[place] - low) * share));
}

// Draw cells of {rows, columns}, coloured by colourAt(row, column), over the width of the canvas.
export function cells(canvas, { rows, columns }, colourAt) {
  const image = new ImageData(columns, rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += 4) {
      const found = colourAt(row, column);
      if (found) image.data.set([...found, 255], at);
    }
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(image, 0, 0);
  const wide = Math.max(1, canvas.clientWidth) * devicePixelRatio;
  const scale = Math.max(1, Math.round(wide / columns));
  if (canvas.width !== columns * scale || canvas.height !== rows * scale) {
    canvas.width = columns * scale;
    canvas.height = rows * scale;
  }
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return { context, scale };
}

// Draw a frame around each of the first cells.
export function frames(context, { columns }, size, scale) {
  context.strokeStyle = `rgb(${colour("--bar")})`;
  context.lineWidth = 1;
  for (let at = 0; at < size; at++) {
    context.strokeRect((at % columns) * scale + 0.5, Math.floor(at / columns) * scale + 0.5,
      scale - 1, scale - 1);
  }
}
