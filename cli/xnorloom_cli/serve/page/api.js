// Calls of the server. Arrays arrive as bytes in base64.

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is xnorloom serve still running?");
  }
  const values = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) throw new Error(values.error);
  return values;
}

export const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const model = () => call("api/model");

export async function image(index) {
  const values = await call(`api/images/${index}`);
  return { ...values, pixels: bytes(values.pixels) };
}

export async function answer(pixels) {
  const values = await call("api/answer", {
    method: "POST", body: pixels, headers: { "Content-Type": "application/octet-stream" } });
  return { ...values, elements: bytes(values.elements),
    activations: values.activations.map(bytes) };
}
