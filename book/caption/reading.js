// A caption goes in, what it says about a scene comes out, or an error that names its words: `scenes.parse` of the
// package. The words, phrases and sentences are the package's own, in LANGUAGE (language.js).
"use strict";

class UnknownWords extends Error {
  constructor(words) {
    const hints = words.map((word) => {
      const near = closeMatches(word, Object.keys(LANGUAGE.meanings), 2);
      return quoted(word) + (near.length ? ` (near: ${near.join(", ")})` : "");
    });
    super(
      `unknown words: ${hints.join(", ")}; the world has shapes such as 'circle' and 'star', colours such as ` +
        "'red' and 'cyan', sizes, styles and places",
    );
    this.words = words;
  }
}

const PHRASES = LANGUAGE.phrases.map(([letter, pattern]) => [letter, new RegExp(`^(?:${pattern})(?= |$)`, "u")]);
const SENTENCES = LANGUAGE.sentences.map((pattern) => new RegExp(`^(?:${pattern})$`, "d"));
const KNOWN_WORDS = new Set(LANGUAGE.knownWords);

/** {objects: [{shape, colour, size, style, position}], background}; null where the caption says nothing. */
function parse(text) {
  let letters, phrases, rest, match;
  for (const reading of [text, text.replace(/[,;:]/g, " ")]) { // a comma may separate objects, or stand anywhere
    [letters, phrases, rest] = cut(reading);
    match = rest ? null : sentence(letters);
    if (match) break;
  }
  if (!match) throw new Error(whyNot(text, letters, phrases, rest));

  const found = (name) => (match.groups[name] ? match.indices.groups[name] : null);
  const within = (span) => (span ? phrases.slice(...span) : []);
  const [x, y, z] = ["x", "y", "z"].map(found);
  let things = [[...within(x), ...within(z)], within(y)].filter((said) => said.length).map(objectOf);
  if (found("r")) {
    const places = LANGUAGE.pairPlaces[relationOf(phrases[found("r")[0]])];
    things = things.map((thing, k) => say(thing, "position", places[k]));
  }
  if (y && y[0] < x[0]) things.reverse(); // in the order of mention
  const ways = possiblePlaces(things);
  if (ways.length === 1) things = things.map((thing, k) => ({ ...thing, position: ways[0][k] }));
  const grounds = phrases.filter((phrase) => phrase.letter === "G").map((phrase) => phrase.light);
  if (new Set(grounds).size > 1) {
    throw new Error(`one picture cannot have two backgrounds: ${grounds.map(quoted).join(" and ")}`);
  }
  return { objects: things, background: grounds[0] ?? null };
}

/** The phrases of a text: their letters, what each matched, and the rest if a phrase does not exist. */
function cut(text) {
  const words = (text.toLowerCase().match(/[\p{L}\p{N}]+|[,;:]/gu) ?? []).map((w) => (/[,;:]/.test(w) ? "," : w));
  const unknown = [...new Set(words)].filter((word) => word !== "," && !KNOWN_WORDS.has(word));
  if (unknown.length) throw new UnknownWords(unknown);
  let rest = words.join(" ");
  const phrases = [];
  const next = () => {
    for (const [letter, pattern] of PHRASES) {
      const match = pattern.exec(rest);
      if (match) return { letter, length: match[0].length, ...match.groups };
    }
    return null;
  };
  for (let phrase = next(); phrase; phrase = next()) {
    phrases.push(phrase);
    rest = rest.slice(phrase.length).trimStart();
  }
  return [phrases.map((phrase) => phrase.letter).join(""), phrases, rest];
}

function sentence(letters) {
  for (const pattern of SENTENCES) {
    const match = pattern.exec(letters);
    if (match) return match;
  }
  return null;
}

/** Everything that the phrases about one object say of it. */
function objectOf(phrases) {
  let said = { shape: null, colour: null, size: null, style: null, position: null };
  for (const phrase of phrases) {
    if (phrase.letter === "P") {
      const row = { upper: "top", lower: "bottom" }[phrase.row] ?? phrase.row;
      said = say(said, "position", phrase.mid ? "centre" : `${row} ${phrase.end}`);
    } else if (phrase.letter === "H") {
      said = say(said, "position", phrase.side ?? phrase.bare);
    } else if (phrase.letter === "A" || (phrase.letter === "N" && !phrase.any)) {
      said = say(said, ...LANGUAGE.meanings[phrase.noun ?? phrase.adjective]);
    }
  }
  return said;
}

function say(said, name, value) {
  if (said[name] !== null && said[name] !== value) {
    throw new Error(`one object cannot have two values of ${name}: ${quoted(said[name])} and ${quoted(value)}`);
  }
  return { ...said, [name]: value };
}

/** Every way to place the objects that agrees with what is said of their positions. */
function possiblePlaces(things) {
  const alone = things.length === 1;
  const ways = alone ? LANGUAGE.alone.map((place) => [place]) : Object.values(LANGUAGE.pairPlaces);
  const fits = ways.filter((way) => way.every((place, k) => [null, place].includes(things[k].position)));
  if (!fits.length) {
    const said = things.map((thing) => thing.position ?? "None").join(", ");
    const stand = alone ? `one object stands at: ${LANGUAGE.alone.join(", ")}` : "two stand left and right, or above";
    throw new Error(`no scene has objects at ${said}; ${stand}`);
  }
  return fits;
}

function relationOf(phrase) {
  if (phrase.beside) return `${phrase.beside} of`;
  return phrase.over ? "above" : "below";
}

/** What to tell someone whose words are known, but not their sentence. */
function whyNot(text, letters, phrases, rest) {
  const count = (letter) => letters.split(letter).length - 1;
  if (rest) {
    const word = rest.split(" ")[0];
    const ground = LANGUAGE.backgrounds.includes(word);
    const example = ground ? `on a ${word} background` : "a small red circle in the top left";
    return `${quoted(word)} says nothing alone; say for example ${quoted(example)}`;
  }
  if (count("N") < 1 || count("N") > 2) {
    return `a caption names one or two objects; this one names ${count("N")}: ${quoted(text)}`;
  }
  if (count("I") && !count("R")) {
    return "'it' stands for nothing here; say for example 'a square with a star above it'";
  }
  if (count("R") === 1 && count("N") === 1) {
    const relation = relationOf(phrases[letters.indexOf("R")]);
    return `${quoted(relation)} needs an object before and after it, as in 'a star ${relation} a square'`;
  }
  return (
    `cannot read ${quoted(text)}; say it like 'a small red circle in the top left', 'a star above a blue square' ` +
    "or 'a square with a star to the left of it on a dark background'"
  );
}

/** A text in quotes, as Python's repr writes it. */
function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [quote]: `\\${quote}` };
  const escaped = (c) => {
    if (short[c]) return short[c];
    const code = c.codePointAt(0);
    const hex = code.toString(16);
    if (code < 256) return `\\x${hex.padStart(2, "0")}`;
    return code < 65536 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  };
  // what Python does not print as it is: controls, formats, surrogates, private, unassigned, separators but the space
  const shown = text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, (c) => (/['"]/.test(c) && c !== quote ? c : escaped(c)));
  return quote + shown + quote;
}

/** The n words most like a word, best first: difflib.get_close_matches, with its cutoff of 0.6. */
function closeMatches(word, among, n, cutoff = 0.6) {
  const scored = among.map((other) => [similarity(other, word), other]).filter(([score]) => score >= cutoff);
  scored.sort(([s, a], [t, b]) => t - s || (a < b ? 1 : -1));
  return scored.slice(0, n).map(([, other]) => other);
}

/** Twice the length of what two words share, by their lengths: the longest common run, and so on left and right. */
function similarity(a, b) {
  const [first, second] = [Array.from(a), Array.from(b)];
  const shared = (i, iEnd, j, jEnd) => {
    let best = { length: 0 };
    for (let x = i; x < iEnd; x++) {
      for (let y = j; y < jEnd; y++) {
        let length = 0;
        while (x + length < iEnd && y + length < jEnd && first[x + length] === second[y + length]) length++;
        if (length > best.length) best = { x, y, length };
      }
    }
    if (!best.length) return 0;
    const [x, y] = [best.x + best.length, best.y + best.length];
    return shared(i, best.x, j, best.y) + best.length + shared(x, iEnd, y, jEnd);
  };
  const both = first.length + second.length;
  return both ? (2 * shared(0, first.length, 0, second.length)) / both : 1;
}
