// What a reader sees and touches: a sentence is read as it is typed, and drawn on a click; each word has a map.
"use strict";

const $ = (id) => document.getElementById(id);
const SIDE = 8; // regions in a row, and in a column
let drawing = 0; // how often was drawn: an answer that comes late is not shown

/** An element with its properties, attributes (with a dash) and children. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** What the sentence says, or why it cannot be read; whether it can. */
function read() {
  const text = $("caption").value;
  const [said, problem] = [$("said"), $("problem")];
  said.replaceChildren();
  problem.replaceChildren();
  try {
    const { objects, background } = parse(text);
    objects.forEach((thing) => said.append(element("li", {}, ...about(thing))));
    said.append(element("li", {}, ...(background ? [`on a ${background} background`] : ["background ", leftOpen()])));
  } catch (error) {
    problem.append(element("p", { textContent: sentenceOf(error) }));
    if (error instanceof UnknownWords) problem.append(...remedies(error.words));
  }
  const fine = !problem.hasChildNodes();
  $("caption").setAttribute("aria-invalid", String(!fine));
  $("heading").textContent = fine ? "What your sentence says" : "This sentence cannot be drawn";
  return fine;
}

function sentenceOf(error) {
  const text = error.message + (error instanceof UnknownWords ? LANGUAGE.outside : "");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function about(thing) {
  const left = Object.keys(thing).filter((name) => thing[name] === null);
  const adjectives = [thing.size, thing.style, thing.colour].filter(Boolean);
  const parts = [element("strong", { textContent: [...adjectives, thing.shape ?? "object"].join(" ") })];
  if (thing.position) parts.push(`, place: ${thing.position}`);
  if (left.length) parts.push(" ", leftOpen(left.map((name) => (name === "position" ? "place" : name))));
  return parts;
}

function leftOpen(names = []) {
  const which = names.length ? `: ${names.join(", ")}` : "";
  return element("span", { className: "soft", textContent: `(left open${which})` });
}

/** A button for each near word, which puts it into the sentence. */
function remedies(words) {
  return words.flatMap((word) =>
    closeMatches(word, Object.keys(LANGUAGE.meanings), 2).map((near) =>
      element("button", {
        type: "button",
        textContent: `Write ${near} for ${word}`,
        onclick: () => {
          const whole = new RegExp(`(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])`, "giu");
          $("caption").value = $("caption").value.replace(whole, near);
          read();
          $("caption").focus();
        },
      }),
    ),
  );
}

async function show() {
  if (!read()) {
    $("caption").focus();
    return;
  }
  const mine = ++drawing;
  const text = $("caption").value;
  $("status").textContent = "Drawing…";
  const progress = (share) => {
    $("progress").hidden = share === 1;
    $("progress").value = share;
    $("status").textContent = share === 1 ? "Starting the model…" : "Loading the model…";
  };
  try {
    const drawn = await draw(text, $("seed").value || 0, progress);
    if (mine !== drawing) return;
    $("drawn").replaceChildren(...drawn.captions.map((caption, k) => figure(drawn, caption, k)));
    $("hint").hidden = false;
    $("drawn").firstChild.scrollIntoView({ block: "nearest" });
    $("status").textContent = `${drawn.captions.length} pictures drawn, ${Math.round(drawn.milliseconds)} ms each.`;
  } catch (error) {
    $("progress").hidden = true;
    $("status").textContent = `Nothing was drawn: ${error.message}`;
  }
}

/** One picture, the caption that it was drawn from, and what is said of a word or a region that is asked for. */
function figure(drawn, caption, number) {
  const size = LANGUAGE.size;
  const words = caption.split(" ");
  const pixels = drawn.images.subarray(number * 3 * size * size, (number + 1) * 3 * size * size);
  const map = (t) => drawn.attention.subarray((number * drawn.longest + t) * SIDE * SIDE).subarray(0, SIDE * SIDE);
  const canvas = element("canvas", { width: size, height: size, role: "img", "aria-label": `Picture of ${caption}` });
  const answer = element("p", { className: "answer", role: "status" });
  let region = null;

  const plain = () => {
    colour(canvas, pixels);
    buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
    answer.textContent = "";
  };
  const askWord = (t) => {
    const again = buttons[t].getAttribute("aria-pressed") === "true";
    plain();
    if (again) return;
    buttons[t].setAttribute("aria-pressed", "true");
    const most = map(t).indexOf(Math.max(...map(t)));
    colour(canvas, pixels, map(t));
    answer.textContent = `Most looked at from the ${where(most)}: ${percent(map(t)[most])} of what that region reads.`;
  };
  const askRegion = (k) => {
    plain();
    region = k;
    frame(canvas, k);
    const shares = words.map((word, t) => [map(t)[k], word]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    answer.textContent =
      `Row ${Math.floor(k / SIDE) + 1}, column ${(k % SIDE) + 1} reads ` +
      `${shares.map(([share, word]) => `${word} (${percent(share)})`).join(", ")}.`;
  };

  const buttons = words.map((word, t) =>
    element("button", { type: "button", textContent: word, tabIndex: t ? -1 : 0, onclick: () => askWord(t) }),
  );
  const named = { role: "toolbar", "aria-label": `Words of picture ${number + 1}`, className: "words" };
  const toolbar = element("div", named, ...buttons);
  toolbar.onkeydown = (event) => {
    const from = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: words.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + words.length) % words.length;
    buttons.forEach((button, t) => (button.tabIndex = t === next ? 0 : -1));
    buttons[next].focus();
  };
  const label = `Regions of picture ${number + 1}: arrow keys go from one to the next`;
  const regions = element("div", { role: "group", tabIndex: 0, "aria-label": label, className: "regions" }, canvas);
  regions.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: SIDE, ArrowUp: -SIDE }[event.key];
    if (event.key === "Escape") plain();
    if (step === undefined) return;
    event.preventDefault();
    const from = region ?? (SIDE * SIDE) / 2 + SIDE / 2 - step; // the first step leads to the middle
    const sideways = Math.abs(step) === 1 && Math.floor((from + step) / SIDE) !== Math.floor(from / SIDE);
    askRegion(from + step < 0 || from + step >= SIDE * SIDE || (region !== null && sideways) ? from : from + step);
  };
  regions.onclick = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (at, length) => Math.min(SIDE - 1, Math.max(0, Math.floor((at / length) * SIDE)));
    askRegion(cell(event.clientY - box.top, box.height) * SIDE + cell(event.clientX - box.left, box.width));
  };
  plain();
  return element("figure", {}, regions, element("figcaption", {}, toolbar, answer));
}

/** The picture; with a map of attention in grey, and coloured from blue to yellow by how strongly a region looked. */
function colour(canvas, pixels, map = null) {
  const size = LANGUAGE.size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const [darkest, brightest] = map ? [Math.min(...map), Math.max(...map)] : [0, 1];
  for (let k = 0; k < size * size; k++) {
    const rgb = [0, 1, 2].map((channel) => ((pixels[channel * size * size + k] + 1) / 2) * 255);
    let shown = rgb;
    if (map) {
      const at = Math.floor((Math.floor(k / size) * SIDE) / size) * SIDE + Math.floor(((k % size) * SIDE) / size);
      const share = (map[at] - darkest) / (brightest - darkest || 1);
      const grey = 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2];
      shown = ramp(share).map((value) => 0.65 * value + 0.35 * grey);
    }
    image.data.set([...shown, 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
}

/** From dark blue over grey to yellow, as cividis: it grows brighter all the way, for every eye. */
function ramp(share) {
  const stops = [[0, 32, 76], [124, 123, 120], [255, 233, 69]];
  const [first, part] = share < 0.5 ? [0, 2 * share] : [1, 2 * share - 1];
  return stops[first].map((value, k) => value + part * (stops[first + 1][k] - value));
}

function frame(canvas, region) {
  const context = canvas.getContext("2d");
  const cell = canvas.width / SIDE;
  const [x, y] = [(region % SIDE) * cell, Math.floor(region / SIDE) * cell];
  for (const [style, inset] of [["#000000", 0.5], ["#FFFFFF", 1.5]]) { // one of the two shows on any colour
    context.strokeStyle = style;
    context.strokeRect(x + inset, y + inset, cell - 2 * inset, cell - 2 * inset);
  }
}

function where(region) {
  const name = (place, names) => names[place < 3 ? 0 : place < 5 ? 1 : 2];
  const row = name(Math.floor(region / SIDE), ["top", "middle", "bottom"]);
  const column = name(region % SIDE, ["left", "middle", "right"]);
  return row === column ? row : `${row} ${column}`;
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

$("caption").addEventListener("input", read);
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
for (const button of document.querySelectorAll("#examples button")) {
  button.addEventListener("click", () => {
    $("caption").value = button.textContent;
    $("ask").requestSubmit(); // unless the seed is none
  });
}
for (const name of ["shape", "colour", "size", "style"]) {
  const words = Object.keys(LANGUAGE.meanings).filter((word) => LANGUAGE.meanings[word][0] === name);
  $("words").append(element("dt", { textContent: name }), element("dd", { textContent: words.join(", ") }));
}
const bytes = LANGUAGE.parts.reduce((sum, [, size]) => sum + size, 0);
$("weight").textContent = `The first drawing loads ${Math.round(bytes / 1e6)} MB that lie beside this page.`;
read();
