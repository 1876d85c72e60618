// Pictures as pixels of an input, and drawings moved to the middle.

// Share of the side that a digit takes in MNIST, and the brightness that counts as ink.
const SHARE = 20 / 28, INK = 64;

// Return the pixels of a picture file: brightness, ink on black, or red, green and blue.
export async function pixelsOf(file, map) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name || "The file"} is not a picture that this browser reads.`);
  }
  const { rows, columns, channels } = map;
  const exact = picture.width === columns && picture.height === rows;
  // Small enough to look at each pixel, large enough for thin lines.
  const scale = exact ? 1 : Math.min(1, 400 / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const context = surface(width, height);
  context.drawImage(picture, 0, 0, width, height);
  if (channels === 3) return colours(context.canvas, map);
  const found = context.getImageData(0, 0, width, height);
  const grey = greys(found.data);
  const source = { pixels: onBlack(grey, height, width), rows: height, columns: width };
  return exact ? source.pixels : centred(source, map);
}

function surface(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  // Transparent pictures are on paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  return context;
}

function greys(data) {
  const grey = new Uint8Array(data.length / 4);
  for (let at = 0; at < grey.length; at++) {
    grey[at] = Math.round(0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  }
  return grey;
}

// The edge of a picture is its paper, which is black for the network.
function onBlack(grey, rows, columns) {
  const edge = grey.filter((_, at) => {
    const row = Math.floor(at / columns), column = at % columns;
    return !row || !column || row === rows - 1 || column === columns - 1;
  }).sort();
  return edge[edge.length >> 1] > 127 ? grey.map((pixel) => 255 - pixel) : grey;
}

function colours(canvas, { rows, columns }) {
  const context = surface(columns, rows);
  const scale = Math.min(columns / canvas.width, rows / canvas.height);
  const width = canvas.width * scale, height = canvas.height * scale;
  context.drawImage(canvas, (columns - width) / 2, (rows - height) / 2, width, height);
  const { data } = context.getImageData(0, 0, columns, rows);
  return Uint8Array.from({ length: rows * columns * 3 },
    (_, at) => data[Math.floor(at / 3) * 4 + at % 3]);
}

// Return a drawing of one channel as large as in MNIST, with its centre of mass in the middle.
export function centred(source, { rows, columns }) {
  const box = inked(source);
  if (!box) return new Uint8Array(rows * columns);
  const scale = SHARE * Math.min(rows / box.height, columns / box.width);
  const small = surface(source.columns, source.rows);
  const image = new ImageData(source.columns, source.rows);
  source.pixels.forEach((pixel, at) => image.data.set([pixel, pixel, pixel, 255], 4 * at));
  small.putImageData(image, 0, 0);
  const context = surface(columns, rows);
  context.fillStyle = "#000";
  context.fillRect(0, 0, columns, rows);
  const width = box.width * scale, height = box.height * scale;
  context.drawImage(small.canvas, box.left, box.top, box.width, box.height,
    columns / 2 - (box.column - box.left + 0.5) * scale,
    rows / 2 - (box.row - box.top + 0.5) * scale, width, height);
  return greys(context.getImageData(0, 0, columns, rows).data);
}

// Box around the ink, and its centre of mass.
function inked({ pixels, rows, columns }) {
  let [top, left, bottom, right, mass, row, column] = [rows, columns, -1, -1, 0, 0, 0];
  pixels.forEach((pixel, at) => {
    const y = Math.floor(at / columns), x = at % columns;
    mass += pixel;
    row += pixel * y;
    column += pixel * x;
    if (pixel < INK) return;
    [top, left] = [Math.min(top, y), Math.min(left, x)];
    [bottom, right] = [Math.max(bottom, y), Math.max(right, x)];
  });
  if (bottom < 0) return null;
  return { top, left, height: bottom - top + 1, width: right - left + 1,
    row: row / mass, column: column / mass };
}
