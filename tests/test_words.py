"""One thing, one name, and the field's: the words that this course has retired do not come back.

What a learner meets is looked at: package, lessons, book, documents, and the tests and tools that they may read.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# pattern -> what to write instead
PROSE = {
    r"judg(e|es|ed|ing|ements?|ment)": "classifier, discriminator, head (of an encoder), grade, or: measure, evaluate",
    r"strangers?": "negatives",
    r"partners?": "positive, or: opposite, twin",
    r"painters?": "caption decoder",
    r"painting by numbers|by-numbers": "palette mixing",
    r"the recogniser": "the classifier (`recogniser` is the name of its file)",
    r"latent numbers?": "latent variable",
    r"diversity within a caption": "diversity",
    r"(caption|little|small) readers?": "text encoder",
    r"canaries|zygotes?|tallies": "escape tests, fork server, class statistics",
    r"behind walls|(behind|without|builds?) (its |bubblewrap's )?walls": "in bubblewrap's sandbox",
    r"what came and what was expected": "what it got and what was expected",
    r"truncation": "temperature; truncation only where a truncated normal distribution is drawn",
}
CODE = {
    r"Painter(VAE)?|load_painter": "CaptionDecoder, CaptionVAE",
    r"Asking": "CrossAttentionBlock",
    r"by_numbers": "mix_palette",
    r"in_parts": "in_batches",
    r"rate_at": "warmup_cosine",
    r"less_often": "auc",
    r"Recogniser|(load|train)_recogniser": "SceneClassifier, load_classifier",
    r"TextReader|ImageReader": "TextEncoder, ImageEncoder",
    r"OneObject|Described": "SingleObjectScenes, CaptionedScenes",
    r"Play\(|import[^\n]*\bPlay": "Player",
    r"import[^\n]*\bmine": "shard",
    r"class (Claim|Look|Batch|Read|Layers|Players|Judged|Run)": "a name that says which",
    r"mmgen_course[./]verdicts": "exercises.feedback",
    r"grading[./](judge|walls|wire|tallies|probes|inside)": "grade, bubblewrap, protocol, class_statistics, ...",
    r"exercises[./](asking|wording|limits)": "run_answer, messages, timeout",
    r"generators[./](painter|toy|parts)": "caption_decoder, ring_gan, layers",
    r"evaluate[./](within|describe|copying)": "diversity, image_features, memorisation",
    r"recipes[./](claims|negatives|described|one_object|matching)": "scenes.false_captions, data.captioned_scenes, ...",
    r"[;,] came (?!from|in|to|out|with|before|of|back|first)\w": "; got",
}
# where a word is a name of the world outside: a paper's title, a word of the corpus, a card of the sandbox's tests
ALLOWED = {
    "tests/test_words.py": ".*",
    "CHANGELOG.md": ".*",
    "data/words/scenes.50d.txt": ".*",
    "requirements.txt": ".*",
    "environment.yml": ".*",
    "mmgen_course/train/run.py": "class Run",
    "tests/attacks/cases_b.py": "class Run",
    "notebooks/source/02_text.py": "tallies",
    "notebooks/02_text.ipynb": "tallies",
    "notebooks/solutions/02_text.ipynb": "tallies",
    "notebooks/source/10_text_to_image.py": "truncation",
    "notebooks/10_text_to_image.ipynb": "truncation",
    "notebooks/solutions/10_text_to_image.ipynb": "truncation",
    "book/glossary.md": "Truncation",
}
TEXTS = (".py", ".md", ".toml", ".yml", ".js", ".html", ".css", ".bib", ".json", ".cff", ".sh", ".txt", ".ipynb")
BUILT = re.compile(r'"[A-Za-z0-9+/=]{200,}(\\n)?"')  # pictures and buffers in a notebook


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [name for name in listed if name.endswith(TEXTS) or name == "Makefile"]


def test_the_list_looks_at_lessons_package_book_and_documents() -> None:
    names = files()
    for name in ("README.md", "notebooks/source/06_shared_space.py", "notebooks/06_shared_space.ipynb", "Makefile"):
        assert name in names
    assert any(name.startswith("mmgen_course/exercises/lessons/") for name in names)
    assert any(name.startswith("book/caption/") for name in names)


def found(text: str, pattern: str, flags: int) -> list[str]:
    return [match[0] for match in re.finditer(rf"(?<![a-zA-Z0-9])({pattern})(?![a-zA-Z0-9])", text, flags)]


@pytest.mark.parametrize(
    ("text", "comes_back"),
    [
        ("The judge reads it.", True),
        ("judgement", True),
        ("prejudged", False),
        ("a Stranger", True),
        ("estranged", False),
    ],
)
def test_a_retired_word_is_noticed_whole_in_either_case(text: str, comes_back: bool) -> None:
    assert any(found(text, pattern, re.IGNORECASE) for pattern in PROSE) == comes_back


@pytest.mark.parametrize(("patterns", "flags"), [(PROSE, re.IGNORECASE), (CODE, 0)], ids=["prose", "code"])
def test_no_retired_word_comes_back(patterns: dict[str, str], flags: int) -> None:
    back = []
    for name in files():
        text = BUILT.sub('""', (ROOT / name).read_text("utf-8"))
        for pattern, instead in patterns.items():
            words = [word for word in found(text, pattern, flags) if not re.fullmatch(ALLOWED.get(name, "(?!)"), word)]
            back += [f"{name}: {word!r}: write {instead}" for word in sorted(set(words))]
    assert not back, "\n".join(back)
