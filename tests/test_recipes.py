"""`mmgen train` and what ships: every trained file has a card that is true of it, and the data card repeats it."""

import json
from functools import partial

import pytest
import torch
from typer.testing import CliRunner

from mmgen_course.cli import app
from mmgen_course.data import ROOT
from mmgen_course.data.weights import load_weights
from mmgen_course.features.classifier import SceneClassifier, accuracy, load_classifier, random_scenes
from mmgen_course.features.glove import read_vectors
from mmgen_course.recipes import RECIPES, Recipe, card_path, read_card, recogniser
from mmgen_course.scenes import render
from mmgen_course.train import Run, seeded
from tools import ship
from tools.data_files import register, write_between


def mmgen(*arguments):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def quick(monkeypatch):
    """The recipe `recogniser`, measured on a few scenes only."""
    monkeypatch.setattr(recogniser, "measure", partial(recogniser.measure, n=4))


# ---- mmgen train


def test_train_writes_the_weights_of_a_model_that_has_learned_and_their_card(quick, tmp_path):
    path = tmp_path / "new" / "r.safetensors"
    result = mmgen("train", "recogniser", "--steps", "2", "--seed", "3", "--out", str(path), "--json")
    assert result.exit_code == 0, result.output
    said, card = json.loads(result.stdout), read_card(path)
    assert (said["file"], said["recipe"], said["steps"], said["seed"]) == (str(path), "recogniser", 2, 3)
    assert said["measured"] == card.measured
    trained, first = SceneClassifier(), seeded(SceneClassifier, 3).state_dict()
    load_weights(trained, path)
    moved = (trained.trunk.stem[0].weight - first["trunk.stem.0.weight"]).abs().max().item()
    assert 0 < moved < 0.02  # two steps of AdamW from the first weights of this seed
    assert sorted(file.name for file in path.parent.iterdir()) == ["r.safetensors", "r.safetensors.json"]


def test_the_same_seed_gives_the_same_file_and_another_another(quick, tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert (
            mmgen("train", "recogniser", "--steps", "2", "--seed", seed, "--out", str(tmp_path / name)).exit_code == 0
        )
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_training_goes_on_only_with_the_files_that_it_began_with(quick, tmp_path, monkeypatch):
    path = tmp_path / "r.safetensors"
    line = ["train", "recogniser", "--steps", "3", "--every", "1", "--out", str(path)]
    step = recogniser.loss
    steps = []

    def killed(*arguments):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(recogniser, "loss", killed)
    mmgen(*line)
    monkeypatch.setattr(recogniser, "loss", step)
    with monkeypatch.context() as other:
        other.setattr(Recipe, "needed", lambda recipe: {"words/scenes.50d.txt": "another file"})
        refused = mmgen(*line, "--resume")
    assert refused.exit_code == 1
    assert "needs" in refused.stderr
    assert mmgen(*line, "--resume").exit_code == 0


def test_without_out_the_file_lies_in_trained_and_a_table_is_printed(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = mmgen("train", "recogniser", "--steps", "1")
    assert result.exit_code == 0
    assert (tmp_path / "trained" / "recogniser.safetensors").exists()
    assert "style" in result.stdout
    assert "trained/recogniser.safetensors" in result.stdout


def test_train_list_names_every_recipe():
    result = mmgen("train", "list")
    assert result.exit_code == 0
    assert all(f" {name} " in result.stdout for name in RECIPES)


@pytest.mark.parametrize("wrong", [["nothing"], ["recogniser", "--steps", "0"], ["recogniser", "--steps", "x"]])
def test_wrong_usage_exits_with_2_and_writes_nothing(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mmgen("train", *wrong).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_exits_with_1_and_names_the_step(quick, tmp_path, monkeypatch):
    right, calls = recogniser.loss, []

    def breaks_at_the_fourth_step(*arguments):
        calls.append(right(*arguments))
        return calls[-1] * (torch.nan if len(calls) == 4 else 1)

    monkeypatch.setattr(recogniser, "loss", breaks_at_the_fourth_step)
    out = tmp_path / "r"
    result = mmgen("train", "recogniser", "--steps", "9", "--every", "2", "--out", str(out))
    assert result.exit_code == 1
    assert "nan at step 3" in result.stderr
    assert "the last checkpoint is of step 2" in result.stderr
    load_weights(SceneClassifier(), out)  # refuses weights that are not finite
    assert read_card(out).steps == 3


# ---- what ships


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_ships_was_made_by_its_recipe_with_its_default_steps(recipe):
    card = read_card(ROOT / recipe.file)
    assert (card.recipe, card.steps, card.seed) == (recipe.name, recipe.steps, 0)
    assert card.measured
    # and on the files that ship now, not on those of an earlier training
    assert card.needs == {name: read_card(ROOT / name).sha256 for name in recipe.needs}, "train it anew"


def test_the_recogniser_reads_every_attribute_of_999_in_a_thousand_objects_it_never_saw():
    shares = read_card(ROOT / RECIPES["recogniser"].file).measured
    assert all(shares[name] >= 0.999 for name in ("shape", "colour", "size", "style", "position", "background"))
    # and again, on other scenes than those that the card speaks of
    generator = torch.Generator().manual_seed(7)
    scenes = random_scenes(2000, generator, unseen=True)
    again = accuracy(scenes, load_classifier().read(render(scenes, generator=generator)))
    assert min(again.values()) >= 0.995


def test_the_recipe_of_the_words_makes_the_vectors_that_ship(tmp_path):
    words = RECIPES["words"]
    assert len(list(words.train(Run(tmp_path / "words.txt", words.steps)))) == words.steps
    again, shipped = read_vectors(tmp_path / "words.txt"), read_vectors(ROOT / words.file)
    assert again.words == shipped.words
    # another processor or number of threads adds in another order
    torch.testing.assert_close(again.matrix, shipped.matrix, rtol=0, atol=0.01)


def test_a_card_of_another_file_is_refused(tmp_path):
    (tmp_path / "w").write_bytes(b"abc")
    card_path(tmp_path / "w").write_text(card_path(ROOT / RECIPES["recogniser"].file).read_text())
    with pytest.raises(ValueError, match="is the card of a file with sha256"):
        read_card(tmp_path / "w")


def test_the_data_card_says_what_the_cards_say():
    text = (ROOT / "README.md").read_text("utf-8")
    assert "\n".join(ship.describe(ROOT)) in text, "run python -m tools.ship"
    assert f"{recogniser.MEASURED_ON:,} scenes that its training never showed" in " ".join(text.split())


# ---- tools/ship.py

TEXT = """before
<!-- written by tools/ship.py, which overwrites what stands here -->
stale
<!-- end of what tools/ship.py writes -->
after
"""


@pytest.fixture
def trained(quick, tmp_path, monkeypatch):
    """A folder with a trained `recogniser`, and an empty data folder; there is no other recipe."""
    monkeypatch.setattr(ship, "RECIPES", {"recogniser": RECIPES["recogniser"]})
    monkeypatch.setattr(ship, "TABLES", {"race": "results/race.csv"})
    assert mmgen("train", "recogniser", "--steps", "1", "--out", str(tmp_path / "t" / "recogniser.safetensors"))
    (tmp_path / "t" / "race.csv").write_text("a,b\n")
    root = tmp_path / "data"
    root.mkdir()
    (root / "README.md").write_text(TEXT)
    (root / "registry.txt").write_text("# old\nscenes/0.png 00\nweights/stale 00\n")
    return tmp_path / "t", root


def test_ship_copies_registers_and_describes(trained):
    folder, root = trained
    ship.main(["recogniser", "race"], folder, root)
    assert read_card(root / "weights" / "recogniser.safetensors") == read_card(folder / "recogniser.safetensors")
    lines = (root / "registry.txt").read_text().splitlines()
    assert (root / "results" / "race.csv").read_text() == "a,b\n"
    names = [
        "results/race.csv",
        "scenes/0.png",
        "weights/recogniser.safetensors",
        "weights/recogniser.safetensors.json",
    ]
    assert [line.split()[0] for line in lines[1:]] == names
    assert read_card(root / "weights" / "recogniser.safetensors").sha256 in lines[3]
    card = (root / "README.md").read_text()
    assert card.startswith("before\n")
    assert card.endswith("after\n")
    assert "stale" not in card
    assert "| style | " in card


def test_ship_refuses_a_file_that_was_changed_or_made_by_another_recipe(trained):
    folder, root = trained
    path = folder / "recogniser.safetensors"
    other = Recipe("other", RECIPES["recogniser"].file, "", 1, RECIPES["recogniser"].train)
    with pytest.raises(ValueError, match="by the recipe recogniser, not by other"):
        ship.ship(other, folder, root)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match="is the card of a file with"):
        ship.ship(RECIPES["recogniser"], folder, root)
    assert not (root / "weights").exists()


def test_marks_that_are_not_there_once_are_refused(tmp_path):
    card = tmp_path / "README.md"
    for text in ("nothing", TEXT + TEXT):
        card.write_text(text)
        with pytest.raises(ValueError, match="must hold once"):
            write_between(card, "ship.py", ["x"])
        assert card.read_text() == text


def test_register_replaces_the_lines_it_owns_and_no_other(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "registry.txt").write_text("# head\nother/x 11\na 00\nb 22\n")
    register(tmp_path, ("a", "b"), [tmp_path / "a"])
    head, a, other = (tmp_path / "registry.txt").read_text().splitlines()
    assert head.startswith("# ")
    assert a == "a ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert other == "other/x 11"
