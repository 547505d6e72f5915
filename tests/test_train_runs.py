"""A training on disk: it goes on bit for bit, refuses another one's checkpoint, and ends whole at Ctrl-C or NaN."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from torch import nn
from torch.nn.functional import softplus
from typer.testing import CliRunner

from mmgen_course.cli import app
from mmgen_course.data.errors import DamagedWeights, OtherTraining, WrongWeights
from mmgen_course.recipes import recogniser
from mmgen_course.train import Player, Run, digest, ema, fit, seeded

STEPS = 8


def game(run, width=6):
    """Two players that remember much: batch statistics, dropout, Adam, an average, and a random stream."""
    d = seeded(
        lambda: nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1)), 1
    )
    g = seeded(lambda: nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2)), 2)

    def noise():
        return torch.randn(16, 2, generator=run.generator)

    def critic():
        return (softplus(-d(noise() + 2)) + softplus(d(g(noise())))).mean()

    def generator_net():
        return softplus(-d(g(noise()))).mean()

    adam = {model: torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.0, 0.9)) for model in (d, g)}
    return [
        Player("critic", d, critic, adam[d], times=2),
        Player("generator", g, generator_net, adam[g], average=ema(g, 0.9)),
    ]


def state(players):
    """Every tensor that a training leaves behind."""
    modules = [module for player in players for module in (player.model, player.average) if module is not None]
    memories = [
        player.optimiser.state[p]
        for player in players
        for p in player.model.parameters()
        if p in player.optimiser.state
    ]
    moments = [memory[key].clone() for memory in memories for key in sorted(memory)]
    return [value.clone() for module in modules for value in module.state_dict().values()] + moments


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def trained(path, steps=STEPS, until=None, prepare=lambda run: None, **options):
    """Train the game with a checkpoint every other step; `until` abandons it, as a kill does, after so many steps."""
    torch.manual_seed(11)  # dropout draws from the global stream
    run = Run(path, steps, **{"every": 2, **options})
    prepare(run)
    players, losses = game(run), []
    for values in fit(players, steps, run):
        losses.append(values)
        if run.step == until:
            break
    return run, players, losses


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training as it is when nothing interrupts it."""
    _, players, losses = trained(tmp_path_factory.mktemp("whole") / "x")
    return state(players), losses


# ---- going on


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=10)
@given(until=st.integers(1, STEPS), second=st.integers(1, STEPS))
def test_a_training_abandoned_anywhere_and_again_goes_on_bit_for_bit(until, second, whole, tmp_path):
    path = tmp_path / "x"
    trained(path, until=until)
    run, _, _ = trained(path, resume=True, until=max(until, second))
    assert run.step >= until
    torch.manual_seed(99)
    run, players, losses = trained(path, resume=True)
    expected, curve = whole
    assert same(state(players), expected)
    assert losses == curve[STEPS - len(losses) :]
    run.finish()
    assert list(tmp_path.iterdir()) == []


def test_at_most_one_interval_is_lost(tmp_path):
    for until in range(1, STEPS + 1):
        run, _, _ = trained(tmp_path / "x", until=until, every=3)
        again = Run(tmp_path / "x", STEPS, resume=True, every=3)
        began = 0
        if again.checkpoint.exists():
            steps = fit(game(again), STEPS, again)
            next(steps, None)
            began = again.step - 1 if until < STEPS else again.step
            steps.close()
        assert run.step - 3 < began <= run.step
        run.finish()


def test_resume_without_a_checkpoint_begins_at_the_beginning(tmp_path, whole):
    _, players, losses = trained(tmp_path / "x", resume=True)
    assert same(state(players), whole[0])
    assert losses == whole[1]


def test_a_checkpoint_of_the_last_step_goes_on_with_nothing_left_to_do(tmp_path, whole):
    trained(tmp_path / "x")
    run, players, losses = trained(tmp_path / "x", resume=True)
    assert (losses, run.step, run.stopped) == ([], STEPS, "")
    assert same(state(players), whole[0])


def test_the_checkpoint_is_one_safetensors_file_that_says_in_json_what_it_is_of(tmp_path):
    run, _, _ = trained(tmp_path / "x", until=5, seed=3, prepare=lambda run: run.config.update(data="abc"))
    with safe_open(run.checkpoint, framework="pt") as file:
        about = json.loads(file.metadata()["about"])
        names = set(file.keys())
    of = {"steps": STEPS, "seed": 3, "device": "cpu", "bf16": False, "data": "abc"}
    assert about == {"step": 4, "of": of}
    assert {"critic/model/0.weight", "generator/average/module.0.weight", "generator/optimiser/0/exp_avg"} <= names
    assert [path.name for path in tmp_path.iterdir()] == ["x.checkpoint"]


# ---- what must not go on


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 9}, "steps was 8, is 9"),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"prepare": lambda run: run.config.update(data=digest(torch.ones(2)))}, "data was None, is "),
        ({"bf16": True}, "bf16 was False, is True"),
    ],
    ids=lambda value: "",
)
def test_another_training_is_refused_and_told_what_differs(change, said, tmp_path):
    run, _, _ = trained(tmp_path / "x", until=4)
    before = run.checkpoint.read_bytes()
    with pytest.raises(OtherTraining, match=said) as caught:
        trained(tmp_path / "x", resume=True, **change)
    assert len(caught.value.items) == 1
    assert run.checkpoint.read_bytes() == before


def test_other_models_are_refused_and_stay_as_they_were(tmp_path):
    trained(tmp_path / "x", until=4)
    run = Run(tmp_path / "x", STEPS, every=2, resume=True)
    players = game(run, width=7)
    before = state(players)
    with pytest.raises(WrongWeights, match=r"critic/model/0.weight"):
        next(fit(players, STEPS, run))
    assert same(state(players), before)


def test_a_checkpoint_that_was_cut_is_refused(tmp_path):
    run, _, _ = trained(tmp_path / "x", until=4)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-100])
    with pytest.raises(DamagedWeights, match="a whole safetensors file"):
        trained(tmp_path / "x", resume=True)


def test_a_run_is_for_one_training(tmp_path):
    run, players, _ = trained(tmp_path / "x")
    with pytest.raises(ValueError, match="has taken 8 steps already"):
        next(fit(players, STEPS, run))


def test_a_run_that_writes_nothing_has_no_path():
    with pytest.raises(ValueError, match="expected a Run with a file"):
        _ = Run().checkpoint


@given(st.lists(st.lists(st.floats(width=32), min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_digest_tells_values_apart_and_not_how_they_lie_in_memory(rows):
    row = torch.tensor(rows[0])
    table = torch.stack([row, row + 1])
    assert digest(table.T) == digest(table.T.contiguous())
    assert digest(row) == digest(row.clone())
    changed = row.clone()
    changed[0] = 0.0 if row[0] == 7 else 7.0
    assert digest(changed) != digest(row)


# ---- ending early


def interrupted(path, kind, at=3, times=1):
    """Train the game, and send a signal to this process while step `at` is being taken."""
    torch.manual_seed(11)
    run = Run(path, STEPS, every=100)
    players = game(run)
    generator_net = players[1].loss

    def loss():
        if run.step == at:
            for _ in range(times):
                handler = signal.getsignal(kind)
                os.kill(os.getpid(), kind)
                # two signals of one kind that nobody has handled yet are one: wait until the first one is
                deadline = time.monotonic() + 300
                while signal.getsignal(kind) is handler and time.monotonic() < deadline:
                    time.sleep(0.001)
        return generator_net()

    players[1].loss = loss
    return run, players, list(fit(players, STEPS, run))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_training_after_a_whole_step_from_which_it_goes_on(kind, tmp_path, whole):
    before = signal.getsignal(kind)
    run, _, losses = interrupted(tmp_path / "x", kind)
    assert (run.step, len(losses), run.stopped) == (4, 4, "stopped after step 4")
    assert losses == whole[1][:4]
    assert signal.getsignal(kind) is before
    _, players, _ = trained(tmp_path / "x", resume=True)
    assert same(state(players), whole[0])


def test_a_second_interrupt_is_not_held_back(tmp_path, ctrl_c):
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "x", signal.SIGINT, times=2)


def test_without_a_run_an_interrupt_is_an_interrupt_as_in_a_notebook():
    run = Run()
    players = game(run)
    generator_net, calls = players[1].loss, []

    def loss():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return generator_net()

    players[1].loss = loss
    with pytest.raises(KeyboardInterrupt):
        list(fit(players, STEPS))
    assert all(value.isfinite().all() for value in state(players))


def test_a_training_in_another_thread_than_the_first_runs_as_well(tmp_path, whole):
    got = []
    thread = threading.Thread(target=lambda: got.append(trained(tmp_path / "x")))
    thread.start()
    thread.join()
    assert same(state(got[0][1]), whole[0])


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_weights_and_checkpoint_from_before_it(tmp_path, whole):
    run = Run(tmp_path / "x", STEPS, every=2)
    torch.manual_seed(11)
    players = game(run)
    critic = players[0].loss
    players[0].loss = lambda: critic() * (torch.inf if run.step == 5 else 1)
    losses = list(fit(players, STEPS, run))
    assert losses == whole[1][:5]
    assert "the loss 'critic' is inf at step 5" in run.stopped
    assert "the last checkpoint is of step 4" in run.stopped
    assert all(value.isfinite().all() for value in state(players))
    _, healed, _ = trained(tmp_path / "x", resume=True)
    assert same(state(healed), whole[0])


# ---- looking on


def test_samples_are_drawn_at_each_interval_and_change_nothing(tmp_path, whole):
    torch.manual_seed(11)
    run = Run(tmp_path / "x", STEPS, every=3)
    drawn = []

    def samples():
        drawn.append(run.step)
        assert not torch.is_grad_enabled()
        return torch.rand(4, 3, 8, 8, generator=run.generator) * 2 - torch.rand(1)

    players = game(run)
    losses = list(fit(players, STEPS, run, samples))
    assert drawn == [3, 6, 8]
    assert losses == whole[1]
    assert same(state(players), whole[0])
    with Image.open(run.pictures) as picture:
        assert picture.width > 100
    run.finish()
    assert list(tmp_path.iterdir()) == []


def test_bf16_computes_the_losses_coarsely_and_keeps_weights_in_float32(tmp_path, whole):
    _, players, losses = trained(tmp_path / "x", bf16=True)
    assert players[1].model[0].weight.dtype == torch.float32
    first, exact = losses[0]["critic"], whole[1][0]["critic"]
    assert first != exact
    assert first == pytest.approx(exact, rel=0.02)


# ---- from the command line


def mmgen(*arguments):
    return CliRunner().invoke(
        app, ["train", "recogniser", "--steps", "6", "--every", "2", "--device", "cpu", *arguments]
    )


def test_the_command_line_goes_on_where_an_interrupt_ended_it_and_writes_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(recogniser, "measure", lambda model: {"share": 1.0})
    right, calls = recogniser.loss, []

    def loss(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return right(*arguments)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert mmgen("--out", str(whole)).exit_code == 0
    monkeypatch.setattr(recogniser, "loss", loss)
    ended = mmgen("--out", str(parts), "--json")
    assert ended.exit_code == 1
    assert "stopped after step 3; " in ended.stderr
    assert json.loads(ended.stdout)["steps"] == 3
    assert parts.exists()

    refused = mmgen("--out", str(parts))
    assert refused.exit_code == 1
    assert "go on with --resume, or remove it" in refused.stderr
    other = mmgen("--out", str(parts), "--resume", "--seed", "4")
    assert other.exit_code == 1
    assert "seed was 0, is 4" in " ".join(other.stderr.split())

    assert mmgen("--out", str(parts), "--resume").exit_code == 0
    assert parts.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "parts.json", "whole", "whole.json"]


def test_an_unknown_device_is_wrong_usage_and_the_known_one_is_stated(tmp_path, monkeypatch):
    monkeypatch.setattr(recogniser, "measure", lambda model: {"share": 1.0})
    assert mmgen("--out", str(tmp_path / "x"), "--device", "abacus").exit_code == 2
    said = " ".join(mmgen("--out", str(tmp_path / "x")).stderr.split())
    assert f"6 steps on cpu, {torch.get_num_threads()} threads, float32; a checkpoint every 2 steps" in said
    assert Path(tmp_path / "x").exists()
