"""tools/retrain.py: what a change makes stale, what it says before it trains, and how it goes on."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mmgen_course.data import ROOT
from mmgen_course.recipes import RECIPES, Recipe, card_path, read_card
from tools import retrain
from tools.retrain import corpus_words, main, stale, table


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    return corpus_words()


def test_of_what_ships_nothing_is_stale(corpus):
    assert stale(RECIPES.values(), ROOT, corpus) == []


def test_another_caption_word_makes_the_vectors_stale_and_all_that_reads_by_them(corpus):
    words = [word.replace("scarlet", "vermilion") for word in corpus]
    assert words != corpus
    todo = stale(RECIPES.values(), ROOT, words)
    vectors = RECIPES["words"].file
    assert [one.recipe.name for one in todo] == [
        name for name, recipe in RECIPES.items() if name == "words" or vectors in recipe.needs
    ]
    assert todo[0].why == "new words: vermilion; gone: scarlet"
    assert {one.why for one in todo[1:]} == {"needs words"}
    seconds = [read_card(ROOT / one.recipe.file).seconds for one in todo]
    assert [one.seconds for one in todo] == seconds
    assert f"{len(todo)} to train: {sum(seconds) / 60:.1f} minutes, by their cards" in table(todo)


def test_the_same_words_used_otherwise_make_the_vectors_stale(corpus):
    [first, *_] = stale(RECIPES.values(), ROOT, [*corpus[1:], corpus[0]])
    assert (first.recipe.name, first.why) == ("words", "words are used more or less often")


# ---- a small course: c needs b, b needs a; d needs nothing

CHAIN = {
    name: Recipe(name, f"{name}.bin", "", 1, train=lambda run: iter(()), needs=needs)
    for name, needs in {"a": (), "b": ("a.bin",), "d": (), "c": ("b.bin",)}.items()
}


class Course:
    """The data of that course, and its trainings: each writes what it was trained on."""

    def __init__(self, root: Path):
        self.root, self.trained = root, []
        for name in CHAIN:
            self.make(name)
        self.trained.clear()

    def make(self, name: str, content: str = "old") -> None:
        recipe, path = CHAIN[name], self.root / f"{name}.bin"
        path.write_text(content + "".join((self.root / need).read_text() for need in recipe.needs))
        needs = {need: hashlib.sha256((self.root / need).read_bytes()).hexdigest() for need in recipe.needs}
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        card = {"recipe": name, "steps": 1, "seed": 0, "seconds": 90, "sha256": sha, "measured": {}, "needs": needs}
        card_path(path).write_text(json.dumps(card))
        self.trained.append(name)

    def stale(self, *named: str) -> list[tuple[str, str]]:
        return [(one.recipe.name, one.why) for one in stale(CHAIN.values(), self.root, [], named)]

    def retrain(self, train: Callable[[str], None], *named: str) -> None:
        retrain.retrain(stale(CHAIN.values(), self.root, [], named), train, lambda name: self.make(name, "new"))


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path)


def test_what_was_trained_on_another_file_is_stale_and_what_needs_it(course):
    assert course.stale() == []
    course.make("a", "new")
    assert course.stale() == [("b", "a.bin is another"), ("c", "needs b")]


def test_what_is_named_is_stale_with_what_needs_it_and_what_never_shipped_is(course):
    assert course.stale("b") == [("b", "named"), ("c", "needs b")]
    (course.root / "d.bin").unlink()
    assert course.stale() == [("d", "never shipped")]
    assert table(stale(CHAIN.values(), course.root, [], ["a"])).splitlines()[-1] == (
        "4 to train: 4.5 minutes and what never shipped, by their cards"
    )


def test_interrupted_it_goes_on_where_it_was(course):
    course.make("a", "new")
    course.trained.clear()
    begun = []

    def train(name: str) -> None:
        begun.append(name)
        if begun == ["b", "c"]:
            raise subprocess.CalledProcessError(1, name)

    with pytest.raises(subprocess.CalledProcessError):
        course.retrain(train)
    assert course.trained == ["b"]
    course.retrain(train)
    assert begun == ["b", "c", "c"]
    assert course.trained == ["b", "c"]
    assert course.stale() == []
    assert (course.root / "c.bin").read_text() == "newnewnew"


# ---- the command


@pytest.fixture
def begun(course, monkeypatch) -> list[str]:
    """The command on the small course: the names of what it trains."""
    course.make("a", "new")
    names: list[str] = []
    monkeypatch.setattr(retrain, "RECIPES", CHAIN)
    monkeypatch.setattr(retrain, "ROOT", course.root)
    monkeypatch.setattr(retrain, "corpus_words", list)
    monkeypatch.setattr(retrain, "train", names.append)
    monkeypatch.setattr(retrain, "_ship", lambda name: course.make(name, "new"))
    return names


@pytest.mark.parametrize("answer", ["", "n", "yes please"])
def test_it_says_what_it_will_train_and_trains_nothing_without_a_yes(begun, answer, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda question: answer)
    with pytest.raises(SystemExit, match="nothing was trained"):
        main([])
    assert begun == []
    assert capsys.readouterr().out == (
        "b   1.5 minutes  a.bin is another\nc   1.5 minutes  needs b\n2 to train: 3.0 minutes, by their cards\n"
    )


def test_a_yes_trains_and_then_nothing_is_stale(begun, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda question: "y")
    main([])
    assert begun == ["b", "c"]
    capsys.readouterr()
    main(["--yes"])
    assert capsys.readouterr().out == "nothing is stale\n"


def test_a_training_that_ends_early_ends_the_command_and_says_how_to_go_on(begun, monkeypatch):
    def ends_early(name: str) -> None:
        raise subprocess.CalledProcessError(1, name)

    monkeypatch.setattr(retrain, "train", ends_early)
    with pytest.raises(SystemExit, match="`make retrain` goes on from there"):
        main(["--yes"])


def test_a_training_is_the_commands_own_and_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(retrain, "PROJECT", tmp_path)
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: asked.append((command[1:], options)))
    retrain.train("words")
    assert asked == [(["-m", "mmgen_course", "train", "words", "--resume"], {"cwd": tmp_path, "check": True})]
