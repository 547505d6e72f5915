// A caption goes in that leaves things open, a full one comes out: `scenes.complete` and `scenes.caption` of the
// package, which ask the generator for the same decisions in the same order.
"use strict";

const pick = Generator.pick;

const EITHER = Object.fromEntries(
  LANGUAGE.attributes.filter(([name]) => name !== "position").map(([name]) => {
    const words = Object.keys(LANGUAGE.meanings).filter((word) => LANGUAGE.meanings[word][0] === name);
    return [name, `(?:${words.join("|")})`];
  }),
);
const NAMED = [EITHER.size, EITHER.style, EITHER.colour];
const THING = new RegExp(
  [[LANGUAGE.thingBefore, " "], [LANGUAGE.thingBehind, " and "]]
    .map(([form, between]) => [form.replace("a ", "an? "), { adjectives: NAMED.join(between), noun: EITHER.shape }])
    .map(([form, words]) => filled(form, words))
    .join("|"),
  "g",
);

/** Say also what a caption leaves open; a full one in a form that the decoder has read is returned in lower case. */
function complete(text, generator = null) {
  const said = parse(text);
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu);
  const full = said.background !== null && said.objects.every((thing) => !Object.values(thing).includes(null));
  if (full && isWritten(words.join(" "), sceneOf(said, null))) return words.join(" ");
  const own = {};
  for (const word of words) {
    if (Object.hasOwn(LANGUAGE.meanings, word)) (own[LANGUAGE.meanings[word][1]] ??= []).push(word);
  }
  return captionOf(sceneOf(said, generator), generator, { ...LANGUAGE.words, ...own });
}

/** One of the scenes that the caption fits; of two objects the one further left or higher comes first. */
function sceneOf(said, generator) {
  const places = pick(possiblePlaces(said.objects), generator);
  const values = Object.fromEntries(LANGUAGE.attributes);
  const objects = said.objects.map((thing, k) => ({
    shape: thing.shape ?? pick(values.shape, generator),
    colour: thing.colour ?? pick(values.colour, generator),
    size: thing.size ?? pick(values.size.toReversed(), generator),
    style: thing.style ?? pick(values.style, generator),
    position: places[k],
  }));
  objects.sort((a, b) => ["right", "bottom"].includes(a.position) - ["right", "bottom"].includes(b.position));
  return { objects, background: said.background ?? pick(LANGUAGE.backgrounds, generator) };
}

function captionOf(scene, generator, words) {
  const said = scene.objects.map((thing) => thingOf(thing, words, generator));
  return filled(pick(templates(scene), generator), said);
}

/** A noun phrase for one object, adjectives before or behind the noun. */
function thingOf(thing, words, generator) {
  const adjectives = ["size", "style", "colour"].map((name) => pick(words[thing[name]], generator));
  const noun = pick(words[thing.shape], generator);
  const form = pick([LANGUAGE.thingBefore, LANGUAGE.thingBehind], generator);
  const between = form === LANGUAGE.thingBefore ? " " : " and ";
  const phrase = filled(form, { adjectives: adjectives.join(between), noun });
  return "aeiou".includes(phrase[2]) ? `an${phrase.slice(1)}` : phrase; // 'an orange star'
}

/** Every paraphrase of a scene, the plainest first, with {0} and {1} where its objects are to be named. */
function templates(scene) {
  let cores;
  if (scene.objects.length === 1) {
    cores = LANGUAGE.places[scene.objects[0].position].split(" | ").map((where) => `{0} ${where}`);
  } else {
    const places = scene.objects.map((thing) => thing.position).join();
    const relation = LANGUAGE.relations.find((name) => LANGUAGE.pairPlaces[name].join() === places);
    const inverse = LANGUAGE.relations[LANGUAGE.relations.indexOf(relation) ^ 1];
    cores = [
      ...LANGUAGE.pairs[relation].split(" | ").map((core) => filled(core, { a: "{0}", b: "{1}" })),
      ...LANGUAGE.pairs[inverse].split(" | ").map((core) => filled(core, { a: "{1}", b: "{0}" })),
    ];
  }
  const grounds = LANGUAGE.grounds.split(" | ").map((ground) => ` ${filled(ground, [scene.background])}`);
  return LANGUAGE.openings.flatMap((opening) =>
    cores.flatMap((core) => grounds.map((ground) => filled(opening, [core + ground]))),
  );
}

/** Whether a full caption is one that `captionOf` can write about a scene, in whatever words for its things. */
function isWritten(text, scene) {
  return templates(scene).map((form) => filled(form, ["{}", "{}"])).includes(text.replace(THING, "{}"));
}

/** A form with its places {name}, {0} or, in turn, {} filled in. */
function filled(form, values) {
  let turn = 0;
  return form.replace(/\{(\w*)\}/g, (_, name) => values[name || turn++]);
}
