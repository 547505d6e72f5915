// A full caption and noise go in, a picture comes out, and where its regions looked: `pipeline.draw` of the package.
// What that needs lies in caption/parts/ and is loaded when it is first asked for. A page opened from a file may fetch
// nothing, but it may run scripts: each part is one that hands over bytes written as text.
"use strict";

const PARTS = {};
let session = null;
const noiseLength = LANGUAGE.pictures * LANGUAGE.latents;

/** Called by the scripts in caption/parts/. */
function deliver(name, text) {
  PARTS[name] = (PARTS[name] ?? "") + text;
}

/** Load the caption decoder once; `progress` is told the share that is there, from 0 to 1. */
function load(progress = () => {}) {
  session ??= start(progress).catch((error) => {
    session = null; // so that a second click tries again
    throw error;
  });
  return session;
}

async function start(progress) {
  Object.keys(PARTS).forEach((name) => delete PARTS[name]);
  let bytes = 0;
  const all = LANGUAGE.parts.reduce((sum, [, size]) => sum + size, 0);
  for (const [file, size] of LANGUAGE.parts) { // one after the other: text is put together in this order
    progress(bytes / all);
    await run(file);
    bytes += size;
  }
  progress(1);
  const module = URL.createObjectURL(new Blob([decoded("module")], { type: "text/javascript" }));
  const ort = await import(module);
  URL.revokeObjectURL(module);
  ort.env.wasm.numThreads = 1; // more would need headers that only a server sends
  ort.env.wasm.wasmBinary = decoded("wasm");
  const made = await ort.InferenceSession.create(decoded("decoder"), { executionProviders: ["wasm"] });
  const decoder = { made, Tensor: ort.Tensor };
  const [captions, noise] = [Array(LANGUAGE.pictures).fill("a star above a star"), new Float32Array(noiseLength)];
  for (let k = 0; k < 3; k++) await paint(decoder, captions, noise); // the browser compiles what is used
  return decoder;
}

function run(file) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.onload = () => resolve(script.remove());
    script.onerror = () => reject(new Error(`${file} is missing: it belongs beside this page`));
    document.head.append(script);
  });
}

function decoded(name) {
  const text = atob(PARTS[name]);
  delete PARTS[name];
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes;
}

/** Draw a caption, each time completed in its own way; one seed means the same pictures as in the package. */
async function draw(caption, seed, progress) {
  const generators = Array.from(
    { length: LANGUAGE.pictures },
    (_, k) => new Generator((BigInt(seed) * 1000003n + BigInt(k)) % 2n ** 63n),
  );
  const captions = generators.map((generator) => complete(caption, generator));
  const noise = new Float32Array(noiseLength);
  generators.forEach((generator, k) => noise.set(generator.normal(LANGUAGE.latents), k * LANGUAGE.latents));
  const decoder = await load(progress);
  const began = performance.now();
  const drawn = await paint(decoder, captions, noise);
  return { captions, ...drawn, milliseconds: (performance.now() - began) / captions.length };
}

/** Pictures (N, 3, size, size) in [-1, 1] and looked (N, T, 8, 8), flat, of N full captions and noise (N, latents). */
async function paint({ made, Tensor }, captions, noise) {
  const words = captions.map((caption) => caption.split(" "));
  const longest = Math.max(...words.map((one) => one.length));
  const ids = new Int32Array(captions.length * longest);
  const mask = new Uint8Array(ids.length); // 1 where there is a word
  words.forEach((one, n) => one.forEach((word, t) => {
    ids[n * longest + t] = LANGUAGE.ids[word];
    mask[n * longest + t] = 1;
  }));
  const shape = [captions.length, longest];
  const { images, attention } = await made.run({
    z: new Tensor("float32", noise, [captions.length, LANGUAGE.latents]),
    ids: new Tensor("int32", ids, shape),
    mask: new Tensor("bool", mask, shape),
  });
  return { images: images.data, attention: attention.data, longest };
}
