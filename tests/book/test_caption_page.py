"""The page that draws a reader's sentence says and draws what the package does; other pages know nothing of it."""

import base64
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from rendered import Built

from mmgen_course.pipeline import OutsideTheWorld
from mmgen_course.pipeline import draw as draw_here
from mmgen_course.scenes import HELD_OUT_WORDS, TRAINING_WORDS, caption, complete, parse, splits
from mmgen_course.scenes.parsing import KNOWN_WORDS
from mmgen_course.scenes.words import EVERYTHING
from mmgen_course.scenes.world import pick
from tools.book import cache as book_cache
from tools.book import caption as book_caption

OTHER_FORMS = [
    "In the center is a small flat red circle on a light background.",
    "a circle, red and small",
    "The star is red and the square is blue.",
    "above a square there is a star",
    "a square, and above it a star",
    "on the right a cyan ball, on the left a big box",
    "a star on a dark background above a square",
    "a striped thing next to something",
    "A SMALL, FLAT, RED CIRCLE!",
    "a red box that is large, at the bottom right of the picture",
]
WRONG = [
    "",
    " ,;: ",
    "a purpel star",
    "a blus bog tink",  # two words are as near to each
    "a landscape with a rivver, a sta and a landscape",
    "ein roter Kreis",
    "赤い 円, a star",
    "a sta" + "r" * 250,
    "red",
    "a red",
    "dark",
    "a star a square a circle",
    "it",
    "a star above",
    "left of a star",
    "a red blue star",
    "a star above a square above a circle",
    "a star and a square on the left and a circle",
    "a star on the left",
    "a star in the top left above a square",
    "a star at the left and a square at the top",
    "a star on a light background and a square on a dark background",
    "a star on a dark background on a light background",
    "a star 'on' the \"left\" of",
    "a star it's above",
    "it it\nit\tit \\",
    "a star with a square it",
    "background",
    "corner of the picture",
    "a red circle é\x00",
    "İ star",  # its lower case has two characters
]


def opened(browser: Browser, built: Built, **window: Any) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900} | window.pop("viewport", {}), **window)
    page.context.set_offline(True)
    page.goto((built.folder / "draw.html").as_uri())
    return page


@pytest.fixture(scope="module")
def page(browser: Browser, built: Built) -> Page:
    return opened(browser, built)


def some_captions(n: int, seed: int) -> list[str]:
    """Captions of scenes of every split, in any words, that leave out what chance wants."""
    generator = torch.Generator().manual_seed(seed)
    scenes = [scene for split in splits().values() for scene in split]
    said = []
    for _ in range(n):
        naming = [name for name in EVERYTHING if pick([True, True, False], generator)]
        words = pick([TRAINING_WORDS, HELD_OUT_WORDS], generator)
        said.append(caption(pick(scenes, generator), generator, naming=naming, words=words))
    return said


def spoiled(text: str, generator: torch.Generator) -> str:
    """A caption in which a word is left out, doubled, exchanged with the next, replaced, or misspelt."""
    words = text.split()
    k = pick(range(len(words)), generator)
    letter = pick(range(len(words[k])), generator)
    ways = [
        [*words[:k], *words[k + 1 :]],
        [*words[: k + 1], *words[k:]],
        [*words[:k], *reversed(words[k : k + 2]), *words[k + 2 :]],
        [*words[:k], pick(sorted(KNOWN_WORDS), generator), *words[k + 1 :]],
        [*words[:k], words[k][:letter] + pick("aeioqrst", generator) + words[k][letter + 1 :], *words[k + 1 :]],
    ]
    return pick([" ", ", "], generator).join(pick(ways, generator))


def read_here(text: str) -> dict | str:
    try:
        said = parse(text)
    except ValueError as error:
        return str(error)
    return {"objects": [asdict(one) for one in said.objects], "background": said.background}


def read_there(page: Page, texts: list[str]) -> list[dict | str]:
    tried = "texts => texts.map(text => { try { return parse(text) } catch (error) { return error.message } })"
    return page.evaluate(tried, texts)


def test_the_page_reads_500_captions_as_the_package_does(page: Page) -> None:
    texts = [*OTHER_FORMS, *some_captions(500, seed=0)]
    here = [read_here(text) for text in texts]
    assert not [said for said in here if isinstance(said, str)]
    assert read_there(page, texts) == here


def test_the_page_refuses_wrong_sentences_in_the_words_of_the_package(page: Page) -> None:
    generator = torch.Generator().manual_seed(1)
    texts = [*WRONG, *(spoiled(text, generator) for text in some_captions(600, seed=1))]
    here = [read_here(text) for text in texts]
    refused = [said for said in here if isinstance(said, str)]
    assert all(isinstance(said, str) for said in here[: len(WRONG)])
    assert len(refused) > 300
    assert len({re.sub("'.*?'", "", said)[:20] for said in refused}) > 8  # most kinds of errors there are
    assert read_there(page, texts) == here


def test_the_page_completes_captions_as_the_package_does_for_every_seed(page: Page) -> None:
    texts = [*OTHER_FORMS, *some_captions(400, seed=2), *(complete(text) for text in some_captions(50, seed=3))]
    here = [complete(text, torch.Generator().manual_seed(seed)) for seed, text in enumerate(texts)]
    assert page.evaluate("texts => texts.map((text, seed) => complete(text, new Generator(seed)))", texts) == here
    assert page.evaluate("texts => texts.map(text => complete(text))", texts) == [complete(text) for text in texts]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32 + 5, 2**63 - 1])
def test_the_page_draws_the_random_numbers_of_pytorch(page: Page, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    whole = [int(torch.randint(1000, (), generator=generator)) for _ in range(700)]  # across a renewal of the state
    normal = torch.randn(32, generator=generator)
    drawn = page.evaluate(
        "seed => { const g = new Generator(BigInt(seed)); const whole = [];"
        "for (let k = 0; k < 700; k++) whole.push(g.bits() % 1000);"
        "return [whole, [...g.normal(32)]] }",
        str(seed),
    )
    assert drawn[0] == whole
    assert np.allclose(drawn[1], normal, atol=1e-6)


DRAW = """async ([caption, seed]) => {
  const drawn = await draw(caption, seed);
  const text = (numbers) => {
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    let read = "";
    for (let k = 0; k < bytes.length; k += 8192) read += String.fromCharCode(...bytes.subarray(k, k + 8192));
    return btoa(read);
  };
  return {...drawn, images: text(drawn.images), attention: text(drawn.attention)};
}"""


def test_100_pictures_and_their_maps_are_those_of_pytorch_for_the_same_seed(page: Page) -> None:
    differences, times = [], []
    for seed, text in enumerate(some_captions(25, seed=4)):
        here = draw_here([text] * book_caption.PICTURES, seed, size=book_caption.SIZE)
        there = page.evaluate(DRAW, [text, seed])
        assert there["captions"] == here.captions
        assert here.attention is not None
        for name, tensor in (("images", here.images), ("attention", here.attention)):
            numbers = np.frombuffer(base64.b64decode(there[name]), np.float32).reshape(tensor.shape)
            differences.append(float(np.abs(numbers - tensor.numpy()).max()))
        times.append(there["milliseconds"])
    print(
        f"largest difference {max(differences):.1e}; a picture took {np.median(times):.0f} ms, at best {min(times):.0f}"
    )
    assert max(differences) < 1e-4


def test_it_draws_from_a_file_without_a_network_and_loads_the_decoder_on_a_click_only(
    browser: Browser, built: Built
) -> None:
    page = opened(browser, built)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.reload()
    assert asked
    assert not [url for url in asked if "/parts/" in url]
    page.get_by_label("A sentence about one or two objects").fill("a big red star above a tiny blue box")
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawn figure", timeout=120_000)
    print(page.inner_text("#status"))
    assert page.locator("#progress").is_hidden()
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    assert not errors

    said = parse("a big red star above a tiny blue box")
    names = [canvas.get_attribute("aria-label") or "" for canvas in page.locator("canvas").all()]
    assert len(names) == book_caption.PICTURES
    for name, caption_below in zip(names, page.locator(".words").all(), strict=True):
        text = name.removeprefix("Picture of ")
        assert caption_below.inner_text().split() == text.split()
        assert said.hold_for(parse(text).scene())
    page.close()


def test_a_word_shows_its_map_and_a_region_its_words_from_the_keyboard_alone(browser: Browser, built: Built) -> None:
    page = opened(browser, built)
    page.get_by_label("A sentence about one or two objects").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawn figure", timeout=120_000)
    seen = "document.querySelector('canvas').toDataURL()"
    plain = page.evaluate(seen)
    for _ in range(20):  # Tab leads there
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "regions":
            break
    page.keyboard.press("ArrowRight")
    answer = page.locator(".answer").first
    assert re.fullmatch(r"Row 5, column 5 reads (\w+ \(\d+ %\)(, |\.)){3}", answer.inner_text())
    page.keyboard.press("ArrowUp")
    assert answer.inner_text().startswith("Row 4, column 5 ")
    assert page.evaluate(seen) != plain

    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    word = page.locator(".words").first.locator("[aria-pressed=true]")
    assert word.inner_text() == page.locator(".words").first.inner_text().split()[1]
    assert answer.inner_text().startswith("Most looked at from the ")
    assert page.evaluate(seen) != plain
    page.keyboard.press("Enter")  # and back
    assert page.evaluate(seen) == plain
    page.close()


def test_unknown_words_are_named_and_a_near_one_can_be_taken(page: Page) -> None:
    box = page.get_by_label("A sentence about one or two objects")
    box.fill("a purpel landscape")
    problem = page.locator("#problem")
    assert str(OutsideTheWorld(["purpel", "landscape"])).lower() in problem.inner_text().lower()
    assert box.get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Write purple for purpel").click()
    assert box.input_value() == "a purple landscape"
    assert "purpel" not in problem.inner_text()
    box.fill("a purple star")
    assert problem.inner_text() == ""
    assert page.locator("#said").inner_text().startswith("purple star (left open: size, style, place)")


# the text whose contrast with what lies behind it is below WCAG's 4.5
FAINT = """() => {
  const parsed = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parsed(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll(".caption-box *")].filter((element) => {
    if (!own(element) || element.tagName === "NOSCRIPT") return false;
    const [a, b] = [parsed(getComputedStyle(element).color), behind(element)].map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map((element) => element.outerHTML);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_the_window_its_text_has_contrast_and_its_controls_have_names(
    browser: Browser, built: Built, width: int, scheme: str
) -> None:
    page = opened(browser, built, viewport={"width": width}, color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.get_by_role("button", name="Draw 4 pictures").click()
    page.wait_for_selector("#drawn figure", timeout=120_000)
    page.locator(".words button").nth(3).click()
    for text in ("a crimson disc", "a purpel landscape " + "x" * 200):
        page.get_by_label("A sentence about one or two objects").fill(text)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(FAINT) == []
    nameless = "[...document.querySelectorAll('.caption-box button')].filter(b => !b.textContent.trim()).length"
    assert page.evaluate(nameless) == 0
    controls = "[...document.querySelectorAll('.caption-box :is(button, input)')]"
    assert page.evaluate(f"{controls}.filter(one => one.getBoundingClientRect().height < 24).length") == 0
    page.close()


LOOKS = """async () => {
  await Promise.all(document.getAnimations().map((one) => one.finished));
  const own = ["color", "backgroundColor", "font", "border", "margin", "padding", "display", "listStyle", "textAlign"];
  return [...document.querySelectorAll("*")].filter((element) => !element.closest(".caption-box, head")).map(
    (element) => own.map((name) => getComputedStyle(element)[name]).join(" ")
  );
}"""


def test_its_style_changes_the_box_and_nothing_outside(browser: Browser, built: Built) -> None:
    page = opened(browser, built)
    inside = "[...document.querySelectorAll('.caption-box *')].map(element => getComputedStyle(element).margin).join()"
    styled = page.evaluate(LOOKS), page.evaluate(inside)
    page.locator("link[href$='caption.css']").evaluate("link => { link.disabled = true }")
    plain = page.evaluate(LOOKS), page.evaluate(inside)
    assert len(styled[0]) > 100
    assert styled[0] == plain[0]
    assert styled[1] != plain[1]
    page.close()


def test_no_other_page_of_the_book_loads_what_it_loads(built: Built) -> None:
    ours = {path.name for path in (built.folder / "caption").rglob("*.js")}
    loading = {
        name for name, page in built.pages.items() if {Path(file.split("?")[0]).name for file in page.loads} & ours
    }
    assert loading == {"draw"}
    elsewhere = {path.name for path in built.folder.rglob("*.js") if built.folder / "caption" not in path.parents}
    assert not elsewhere & ours


def test_the_decoder_is_exported_again_when_the_package_or_its_weights_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = iter([b"first", b"second", b"third"])
    monkeypatch.setattr(book_caption, "exported", lambda: next(exports))
    monkeypatch.setattr(book_cache, "ROOT", tmp_path)
    code, weights = tmp_path / "mmgen_course/decoder.py", tmp_path / "data/registry.txt"
    for file in (code, weights):
        file.parent.mkdir()
        file.write_text("as it was")
    for changed, made in ((None, b"first"), (None, b"first"), (code, b"second"), (weights, b"third"), (None, b"third")):
        if changed:
            changed.write_text("changed")
        assert book_caption.decoder(tmp_path / "cache").read_bytes() == made
        assert len(list((tmp_path / "cache").iterdir())) == 1
