"""Feedback shows the first difference of any answer, alike as HTML and as text; nothing breaks or floods it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course.exercises import Exercise, Misconception, mark
from mmgen_course.exercises.compare import difference
from mmgen_course.exercises.feedback import Feedback
from mmgen_course.exercises.feedback.evidence import Table, evidence
from mmgen_course.exercises.feedback.pictures import Picture
from mmgen_course.exercises.messages import brief
from mmgen_course.exercises.run_answer import Net, Other


def exercise(reference, way="value", inputs=lambda generator: (1,)):
    mistake = Misconception("no number", lambda *arguments: None, "There is no return.")
    return Exercise("asked", "08_vae", 3, 5, 1, "an <i> thing", inputs, reference, (mistake,), way=way)


def shown(expected, got):
    return Feedback(mark(exercise(lambda one: expected), lambda one: got), "lesson 08")


class Page(HTMLParser):
    """The tags, texts and attributes of HTML; fails if it is not well formed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def cells(table):
    return [text for _, row in table.rows for text, _ in row]


def marked(table):
    return [
        (name, column)
        for name, row in table.rows
        for column, (_, wrong) in zip(table.columns, row, strict=True)
        if wrong
    ]


# ---- tables of the first difference


def test_a_matrix_is_shown_around_its_first_difference():
    expected = torch.arange(200.0).reshape(20, 10)
    got = expected.clone()
    got[7, 8] = -1
    *_, want, have = evidence(expected, got)
    assert want.caption == "expected, rows 5 to 10 of 20, columns 4 to 9 of 10"
    assert [name for name, _ in have.rows] == ["[5]", "[6]", "[7]", "[8]", "[9]", "[10]"]
    assert have.columns == ("[4]", "[5]", "[6]", "[7]", "[8]", "[9]")
    assert cells(want) == [f"{10 * row + column}" for row in range(5, 11) for column in range(4, 10)]
    assert marked(want) == []
    assert marked(have) == [("[7]", "[8]")]


def test_of_a_tensor_with_more_axes_the_slice_with_the_first_difference_is_shown():
    expected = torch.zeros(2, 3, 4, 5)
    got = expected.clone()
    got[1, 2, 3, 0] = got[1, 2, 0, 4] = 1
    want, have = evidence(expected, got)
    assert want.caption == "expected [1, 2]"
    assert marked(have) == [("[0]", "[4]"), ("[3]", "[0]")]


def test_a_vector_is_shown_row_by_row():
    expected = torch.arange(20)
    (table,) = evidence(expected, torch.where(expected == 19, 0, expected))
    assert table.caption == "The numbers, 14 to 19 of 20"
    assert table.columns == ("expected", "got")
    assert marked(table) == [("[19]", "got")]


def test_numbers_have_as_many_digits_as_tell_them_apart():
    (table,) = evidence(1.0001, 1.0004)
    assert cells(table) == ["1.0001", "1.0004"]
    (table,) = evidence(1.0, 1.0 + 1e-7, tolerance=1e-9)
    assert cells(table) == ["1", "1.0000001"]
    (table,) = evidence(torch.tensor([1 / 3]), torch.tensor([2 / 3]))
    assert cells(table) == ["0.3333", "0.6667"]


@pytest.mark.parametrize(
    ("expected", "got", "rows", "wrong"),
    [
        ((1.0, "red", True), (1.0, "red", False), {"part 1": "1", "part 2": "'red'", "part 3": "True"}, "part 3"),
        (["a", "b"], ["a"], {"part 1": "'a'", "part 2": "'b'"}, "part 2"),
        (["a"], ["a"] * 1_000_000, {f"part {n}": "'a'" if n == 1 else "-" for n in range(1, 7)}, "part 2"),
        (["a"], ["a", "b"], {"part 1": "'a'", "part 2": "-"}, "part 2"),
        ({"red": 1, "blue": 2}, {"red": 1, "blue": 3}, {"red": "1", "blue": "2"}, "blue"),
        ({"red": 1}, {"blue": 1, "red": 1}, {"red": "1", "blue": "-"}, "blue"),
        ((1, {"n": [1, 2]}), (1, {"n": [1, 3]}), {"part 1": "1", "part 2": "2"}, "part 2"),
        (3, 4, {"value": "3"}, "value"),
        (None, 4, {"value": "None"}, "value"),
        ("x" * 50 + "red", "x" * 50 + "rod", {"from character 42 on": f"'{'x' * 9}red'"}, "from character 42 on"),
    ],
)
def test_of_what_is_no_tensor_the_parts_stand_side_by_side(expected, got, rows, wrong):
    (table,) = evidence(expected, got)
    assert {name: row[0][0] for name, row in table.rows} == rows
    assert marked(table)[0] == (wrong, "got")


def test_a_list_of_a_million_parts_is_not_read_to_its_end(calls_of):
    tables = []
    assert calls_of(lambda: tables.extend(evidence(["a"], ["a"] * 3_000_000))) < 10_000
    (table,) = tables
    assert table.caption == "The parts, 1 to 6 of 3000000"


@pytest.mark.parametrize(
    ("expected", "got"),
    [(torch.zeros(2, 3), torch.zeros(3, 2)), (torch.zeros(2), None), ([1, 2], 3), ({"a": 1}, 3), (1.0, 1.0)],
)
def test_what_cannot_be_put_side_by_side_has_no_table(expected, got):
    assert evidence(expected, got) == []


# ---- pictures


def picture_of(expected, got):
    return [part for part in evidence(expected, got) if isinstance(part, Picture)]


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 3, 16, 16), (16, 16)])
def test_a_picture_stands_beside_the_expected_one_and_one_of_where_they_differ(shape):
    expected = torch.rand(shape) / 2
    expected[..., 0, 0] = 1
    got = expected.clone()
    got[..., 2:4, 5:8] += 2
    want, have, where = picture_of(expected, got)
    assert all(part.pixels.shape[-2:] == (128, 128) for part in (want, have, where))
    assert where.text == "6 of 256 pixels differ, in rows 2 to 3 and columns 5 to 7"
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[2:4, 5:8] = True
    assert torch.equal(where.pixels[::8, ::8] == 255, mask)
    same = (want.pixels == have.pixels)[..., ::8, ::8]
    assert not same[..., mask].any()
    assert same[..., ~mask].all()
    first = expected[0] if len(shape) == 4 else expected
    levels = (first - first.min()) / (first.max() - first.min()) * 255
    assert (want.pixels[..., ::8, ::8] - levels).abs().max() < 0.51


def test_one_wrong_pixel_of_a_large_picture_is_seen():
    expected = torch.zeros(3, 1000, 700)
    got = expected.clone()
    got[1, 999, 699] = float("nan")
    *_, where = picture_of(expected, got)
    assert max(where.pixels.shape) <= 128
    assert (where.pixels == 255).sum() == 1


@pytest.mark.parametrize("shape", [(7, 16), (16, 100), (3, 4, 4), (2, 5, 3)])
def test_what_is_too_small_or_too_long_for_a_picture_is_a_table_alone(shape):
    assert picture_of(torch.zeros(shape), torch.ones(shape)) == []
    assert evidence(torch.zeros(shape), torch.ones(shape))


# ---- where the difference is, for each way of asking


class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x * self.factor


class Shared(Scale):
    def forward(self, x):
        return x * self.factor.detach() + self.factor - self.factor.detach()


def descend(net, x, factor=0.1, clear=True):
    net(x).square().mean().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= factor * parameter.grad
            if clear:
                parameter.grad = None
    return 0.0


def numbers(generator):
    return 2, torch.rand(3, generator=generator), torch.rand(3, generator=generator)


def module_inputs(generator):
    return (), {"factor": torch.rand(3, generator=generator)}, (torch.rand(2, 3, generator=generator),)


def step_inputs(generator):
    return torch.rand(4, 2, generator=generator), Net.drawn((2, 1), generator)


@pytest.mark.parametrize(
    ("way", "inputs", "reference", "answer", "where"),
    [
        ("value", numbers, lambda n, a, b: {"sum": (a, b)}, lambda n, a, b: {"sum": (a, a)}, "sum, part 2"),
        ("value", numbers, lambda n, a, b: a, lambda n, a, b: b, ""),
        ("gradient", numbers, lambda n, a, b: a * b, lambda n, a, b: a + b, "what you return"),
        ("gradient", numbers, lambda n, a, b: a * b, lambda n, a, b: a * b.detach(), "gradient of argument 3"),
        ("module", module_inputs, Scale, Shared, "gradient of the parameter factor"),
        ("module", module_inputs, Scale, torch.nn.Module, None),
        ("step", step_inputs, lambda x, net: 0.0, lambda x, net: 1.0, "what you return"),
        (
            *("step", step_inputs, lambda x, net: descend(net, x)),
            *(lambda x, net: descend(net, x, 0.2), "0.weight of network 1 after the step"),
        ),
        (
            *("step", step_inputs, lambda x, net: descend(net, x)),
            *(lambda x, net: descend(net, x, clear=False), "gradient of 0.weight of network 1 after the step"),
        ),
    ],
)
def test_the_part_that_differs_is_named(way, inputs, reference, answer, where):
    verdict = mark(Exercise("a", "08_vae", 1, 1, 1, "", inputs, reference, (), way=way), answer)
    if where is None:
        assert verdict.state == "error"
        assert "expected the parameters {'factor': (3,)}" in verdict.reason
        return
    assert (verdict.state, verdict.where) == ("wrong", where)
    assert verdict.reason.startswith(f"{where}: " if where else "3 of 3 numbers differ")
    assert Feedback(verdict).evidence


# ---- as text and as HTML

WRONG = [
    (torch.zeros(2, 3), torch.ones(2, 3)),
    (torch.rand(3, 8, 8), torch.rand(3, 8, 8)),
    (1.5, 2.5),
    ("<b>", "</div>"),
    ({"<script>": 1}, {"<script>": 2}),
    (["a", "'"], ["a", '"']),
    (torch.zeros(2), torch.zeros(3)),
]


@pytest.mark.parametrize(("expected", "got"), WRONG)
def test_html_is_well_formed_says_what_the_text_says_and_can_be_heard(expected, got):
    verdict = shown(expected, got)
    page = Page(verdict._repr_html_())
    text = "".join(page.texts)
    for start, rest in verdict.sentences():
        assert f"{start}: {rest}" in text
        assert f"{start}: {rest}" in repr(verdict)
    tables = [part for part in verdict.evidence if isinstance(part, Table)]
    for table in tables:
        assert all(f"{'≠ ' if wrong else ''}{cell}" in page.texts for _, row in table.rows for cell, wrong in row)
        assert table.caption in page.texts
        assert table.caption in repr(verdict)
    tags = [tag for tag, _ in page.tags]
    assert [attributes["role"] for _, attributes in page.tags if "role" in attributes] == ["status"]
    assert tags.count("caption") == tags.count("table") == len(tables)
    assert all(attributes["scope"] in ("col", "row") for tag, attributes in page.tags if tag == "th")
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    assert {"script", "b", "i"}.isdisjoint(tags)


def test_the_columns_of_the_text_are_aligned():
    lines = repr(shown(torch.zeros(2, 3), torch.tensor([[0, 10.5, 0], [0, 0, -2]]))).splitlines()
    have = lines[lines.index("got:") + 1 : -1]
    assert have == ["     [0]     [1]   [2]", "[0]    0  ≠ 10.5     0", "[1]    0       0  ≠ -2"]


def test_each_state_says_in_words_what_it_is():
    def stops(one):
        raise ValueError

    def undone(one):
        raise NotImplementedError

    heads = [Feedback(mark(exercise(lambda one: 1), answer)).head for answer in (lambda one: 1, stops, undone)]
    assert heads == [
        "asked: ✓ right, 3 of 3 points",
        "asked: ✗ stopped with an error, 0 of 3 points",
        "asked: ○ not done yet, 0 of 3 points",
    ]


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_with_a_colour_of_its_own_has_enough_contrast():
    answers = [lambda one: 1, lambda one: 2, lambda one: one / 0]
    for answer in answers:
        html = Feedback(mark(exercise(lambda one: 1), answer))._repr_html_()
        pairs = re.findall(r"background: (#\w{6}); color: (#\w{6})", html)
        assert len(pairs) == 1
        assert len(re.findall(r"color: #", html)) == 1  # all other texts have the page's colour
        low, high = sorted(map(luminance, pairs[0]))
        assert (high + 0.05) / (low + 0.05) >= 4.5


# ---- whatever an answer gives


class Bare:
    def __repr__(self):
        raise RuntimeError("no repr")


class Liar(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Broken(dict):
    def __getitem__(self, key):
        raise RuntimeError("no item")

    def __iter__(self):
        raise RuntimeError("no parts")


class Item:
    """Like an array without axes, until it is asked."""

    ndim = 0

    def item(self):
        raise RuntimeError("no item")


RING: list = [1]
RING.append(RING)
MILLION = 1_000_000
ODD = {
    "million": torch.zeros(MILLION),
    "matrix": torch.full((1000, 1000), float("nan")),
    "bare": Bare(),
    "liar": Liar("wrong"),
    "broken": Broken(),
    "item": Item(),
    "text": "<x>" * MILLION,
    "lines": "a\n" * 1000,
    "list": [0] * MILLION,
    "dict": dict.fromkeys(range(100_000)),
    "ring": RING,
    "int": 10**5000,
    "negative": -(10**400),
    "inf": float("inf"),
    "complex": torch.complex(torch.ones(2, 3), torch.ones(2, 3)),
    "number": 1j,
    "sparse": torch.eye(3)[:2].to_sparse(),
    "meta": torch.zeros(2, 3, device="meta"),
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(5.0),
    "bool": torch.ones(2, 3, dtype=torch.bool),
    "half": torch.full((2, 3), 7.0, dtype=torch.bfloat16),
    "graph": torch.ones(2, 3, requires_grad=True) * 9,
    "numpy": np.ones((2, 3)),
    "records": np.array([(1, "a")], dtype="i4,U1"),
    "objects": [Bare(), Bare()],
    "generator": (n for n in range(3)),
    "function": len,
    "class": Bare,
    "other": Other("a module"),
    "bytes": b"\x00" * MILLION,
}
EXPECTED = {
    "matrix": torch.zeros(2, 3),
    "large": torch.zeros(1000, 1000),
    "number": 1.5,
    "whole": 7,
    "truth": True,
    "text": "right",
    "nothing": None,
    "list": ["a", "b"],
    "dict": {"a": torch.zeros(3), "b": 1.0},
    "complex": torch.complex(torch.ones(2, 3), torch.zeros(2, 3)),
    "empty": torch.zeros(0),
    "nan": torch.full((2, 3), float("nan")),
}


@pytest.mark.parametrize("expected", EXPECTED.values(), ids=EXPECTED)
@pytest.mark.parametrize("got", ODD.values(), ids=ODD)
def test_nothing_that_comes_breaks_or_floods_a_verdict(expected, got):
    verdict = shown(expected, got)
    assert verdict.verdict.state == "wrong"
    assert len(repr(verdict)) < 3000
    assert len(max(repr(verdict).splitlines(), key=len)) < 400
    html = verdict._repr_html_()
    assert len(html) < 20_000
    assert "<x>" not in html
    Page(html)
    assert not re.search(r"\b0x[0-9a-f]{6,}", repr(verdict))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=5), parts, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200)
@given(values, values)
def test_text_and_evidence_agree_with_the_mark_on_any_two_values(expected, got):
    reason = difference(expected, got)
    assert difference(expected, expected) == ""
    assert bool(evidence(expected, got)) <= bool(reason)
    if reason:
        Page(shown(expected, got)._repr_html_())


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, np.float32(1)),
        (1.0, np.array(1.0)),
        (3, np.int64(3)),
        (True, np.True_),
        ("red", np.str_("red")),
        (torch.tensor(2.0), 2),
        ((1.0, 2), [1, 2.0]),
        (torch.tensor([1.0 + 1j]), torch.tensor([1.0 + 1j])),
    ],
)
def test_the_same_in_another_type_is_right_where_that_is_sensible(expected, got):
    assert difference(expected, got) == ""


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (100_000, 100_001, "expected 100000; got 100001"),
        (torch.tensor([100_000]), torch.tensor([100_001]), "1 of 1 numbers differ; the first at (0,), expected 1"),
        (torch.tensor([1 + 1j]), torch.tensor([1 + 2j]), "expected 1+1j; got 1+2j"),
        (torch.tensor([True]), torch.tensor([False]), "expected True; got False"),
        (torch.zeros(2), np.zeros(2), "got a NumPy array of shape (2,): torch.from_numpy makes a tensor of it"),
        (torch.zeros(2), torch.zeros(2).to_sparse(), "expected a dense tensor; got one with the layout"),
        (torch.tensor(1.0), torch.zeros(2), "expected a single number; got a tensor of shape (2,)"),
        ({"a": 1}, {}, "expected the names a; got none"),
        (("a", "b"), "ab", "expected 2 parts, a tuple; got str 'ab'"),
        ("right", Liar("wrong"), "expected 'right'; got 'wrong'"),
        (1.0, Item(), "got something that cannot be compared, <tests.test_feedback.Item object> (RuntimeError)"),
    ],
)
def test_what_is_wrong_is_said_of_other_kinds_too(expected, got, said):
    assert said in difference(expected, got)


def test_a_value_of_many_parts_is_named_without_writing_all_of_them(monkeypatch):
    written = []
    monkeypatch.setattr(torch.Tensor, "__repr__", lambda tensor, **_: written.append(1) or "tensor")
    nested = torch.ones(2)
    for _ in range(8):
        nested = [nested] * 9
    assert brief(nested) == "[[[[...], [...], [...], [...], [...], [...], ...], [[...],…"
    assert brief([torch.ones(2)] * 2000) == "[tensor, tensor, tensor, tensor, tensor, tensor, ...]"
    assert len(written) == 6
