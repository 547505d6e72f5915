"""Every displayed equation holds and its mutants do not; and the ledger notices when something is missing."""

import re
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest
from ledger import ACCEPTED, REJECTED, close, read_ledger, uniform, verdict
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.lessons.ledger import (
    BOOK,
    LEDGER,
    Entry,
    displayed_equations,
    faults,
    inline,
    read_entries,
    read_lessons,
    table,
)
from tools.lessons.source import LessonError, read_lesson

ENTRIES = read_ledger(LEDGER)
ENTRY = {entry.label: entry for entry in ENTRIES}


# ---- the lessons' equations


def test_every_displayed_equation_has_its_check_and_every_check_its_equation():
    assert faults(ENTRIES, displayed_equations(read_lessons())) == []


def test_what_is_read_of_the_ledger_without_running_it_is_what_runs():
    runs = [Entry(one.label, one.fingerprint, one.how, list(one.mutants), one.file) for one in ENTRIES]
    assert read_entries(LEDGER) == runs


@pytest.mark.parametrize("label", ENTRY)
def test_equation_holds(label):
    assert verdict(ENTRY[label].check, ENTRY[label].formula) == ACCEPTED


@pytest.mark.parametrize(("label", "mutant"), [(entry.label, name) for entry in ENTRIES for name in entry.mutants])
def test_mutant_is_rejected(label, mutant):
    assert verdict(ENTRY[label].check, ENTRY[label].mutants[mutant]) == REJECTED


# ---- the ledger itself, on a lesson of one equation

LESSON = r"""# %% [markdown]
# # 0. Double
#
# $$ y = 2 x
#    \label{eq:double} $$
"""

CHECK = r"""
from ledger import equation

@equation(
    "eq:double",
    fingerprint="1d9545fd",
    how="adding | up",
    formula=lambda x: 2 * x,
    mutants={"square": lambda x: x**2, "2 lost": lambda x: x},
)
def double(formula):
    assert formula(3) == 3 + 3
"""


def lessons_of(folder: Path, *sources: str):
    """Read sources as the lessons 00_tiny, 01_tiny, ..."""
    for i, source in enumerate(sources):
        (folder / f"{i:02d}_tiny.py").write_text(dedent(source))
    return [read_lesson(path) for path in sorted(folder.glob("[0-9]*_tiny.py"))]


def ledger_of(folder: Path, *checks: str):
    """Read sources as the files lesson_00.py, lesson_01.py, ..."""
    for i, source in enumerate(checks):
        (folder / f"lesson_{i:02d}.py").write_text(source)
    return read_ledger(folder)


def faults_of(folder: Path, lessons: list[str], checks: list[str]) -> list[str]:
    return faults(ledger_of(folder, *checks), displayed_equations(lessons_of(folder, *lessons)))


def test_a_lesson_and_its_checks_without_fault(tmp_path):
    assert faults_of(tmp_path, [LESSON], [CHECK]) == []
    (entry,) = ledger_of(tmp_path, CHECK)
    assert [verdict(entry.check, formula) for formula in (entry.formula, *entry.mutants.values())] == [
        ACCEPTED,
        REJECTED,
        REJECTED,
    ]


def test_a_file_added_for_a_later_lesson_is_found(tmp_path):
    second = [text.replace("eq:double", "eq:twice") for text in (LESSON, CHECK)]
    assert faults_of(tmp_path, [LESSON, second[0]], [CHECK, second[1]]) == []
    assert [entry.label for entry in read_ledger(tmp_path)] == ["eq:double", "eq:twice"]


def test_a_label_without_a_check_is_a_fault(tmp_path):
    assert faults_of(tmp_path, [LESSON], [""]) == ["eq:double (0.1) has no check; write one in lesson_00.py"]


def test_a_check_hidden_by_another_of_its_name_is_a_label_without_a_check(tmp_path):
    hiding = CHECK + CHECK.replace("eq:double", "eq:other")
    assert "eq:double (0.1) has no check; write one in lesson_00.py" in faults_of(tmp_path, [LESSON], [hiding])


def test_a_check_without_a_label_is_a_fault(tmp_path):
    lesson = LESSON.replace("$$", "$").replace(r"\label{eq:double}", "")
    assert faults_of(tmp_path, [lesson], [CHECK]) == ["eq:double is checked in lesson_00.py, but no lesson displays it"]


def test_a_check_in_the_file_of_another_lesson_is_a_fault(tmp_path):
    assert faults_of(tmp_path, [LESSON], ["", CHECK]) == [
        "eq:double (0.1) is checked in lesson_01.py; move it to lesson_00.py"
    ]


def test_two_checks_of_a_label_are_a_fault(tmp_path):
    again = CHECK + CHECK.replace("def double", "def again")
    assert faults_of(tmp_path, [LESSON], [again]) == ["eq:double has 2 checks; keep one"]


def test_an_equation_changed_in_the_lesson_is_a_fault_until_its_check_was_looked_at(tmp_path):
    lesson = LESSON.replace("2 x", "3 x")
    look = "look whether its check in lesson_00.py is of this, then write fingerprint="
    assert faults_of(tmp_path, [lesson], [CHECK]) == [f'eq:double (0.1) reads y = 3 x; {look}"0b110b7a" there']
    assert faults_of(tmp_path, [lesson], [CHECK.replace("1d9545fd", "0b110b7a")]) == []


def test_other_spaces_and_lines_are_no_other_equation(tmp_path):
    assert faults_of(tmp_path, [LESSON.replace("y = 2 x", "y =\n#   2  x")], [CHECK]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [('how="adding | up"', "how=str(1)"), ("fingerprint", "print"), ('"eq:double",', ""), ('"square"', "A")],
)
def test_a_check_that_must_be_run_to_be_read_is_named_by_its_line(tmp_path, old, new):
    (tmp_path / "lesson_00.py").write_text(CHECK.replace(old, new))
    with pytest.raises(ValueError, match=r'lesson_00\.py:4: write @equation\("eq:name", fingerprint=""'):
        read_entries(tmp_path)


@pytest.mark.parametrize("mutants", ["{}", '{"square": lambda x: x**2}', '{"a  b": abs, "A b": abs}'])
def test_fewer_than_two_mutants_with_names_of_their_own_are_a_fault(tmp_path, mutants):
    check = re.sub(r"mutants=\{.*\}", f"mutants={mutants}", CHECK)
    assert faults_of(tmp_path, [LESSON], [check]) == [
        "eq:double needs at least two mutants, each with a name of its own"
    ]


def test_a_surviving_mutant_and_a_formula_that_is_wrong_are_noticed(tmp_path):
    (entry,) = ledger_of(tmp_path, CHECK.replace("formula(3) == 3 + 3", "formula(2) == 2 + 2"))
    assert verdict(entry.check, entry.mutants["square"]) == ACCEPTED
    assert verdict(entry.check, entry.mutants["2 lost"]) == REJECTED
    (entry,) = ledger_of(tmp_path, CHECK.replace("lambda x: 2 * x", "lambda x: 3 * x"))
    assert verdict(entry.check, entry.formula) == REJECTED


def test_an_error_other_than_assertion_error_neither_accepts_nor_rejects(tmp_path):
    (entry,) = ledger_of(tmp_path, CHECK)
    assert verdict(entry.check, lambda x: x / 0) == "ZeroDivisionError: division by zero"
    (entry,) = ledger_of(tmp_path, CHECK.replace("3 + 3", "three"))
    assert verdict(entry.check, entry.formula) == "NameError: name 'three' is not defined"


def test_close_tells_values_shapes_and_nan_apart_in_double_precision():
    close([[1, 2]], [[1.0, 2.0]])
    close(0.1 + 1e-12, 0.1)
    close([0.1], uniform(1) * 0 + 0.1)
    for wrong in ([1, 2.00001], [[1, 2]], [1], 1, [1, float("nan")]):
        with pytest.raises(AssertionError):
            close(wrong, [1, 2])
    with pytest.raises(AssertionError):
        close(float("nan"), float("nan"))
    with pytest.raises(AssertionError):
        close([0.1 + 3e-9], [0.1])  # the same number in single precision


# ---- the page of the book


def test_the_page_is_up_to_date():
    assert BOOK.read_text(encoding="utf-8") == table(read_lessons(), ENTRIES), "run python -m tools.lessons.ledger"


def rows_of(page: str) -> list[list]:
    """Render a page and return, for each row of its tables, what stands in each cell."""
    tokens = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin).parse(page)
    rows: list[list] = []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type == "td_open":
            rows[-1].append(token.children)
    return [row for row in rows if row]


def test_each_row_of_the_page_renders_as_number_formula_and_two_texts():
    displayed = displayed_equations(read_lessons())
    rows = rows_of(table(read_lessons(), ENTRIES))
    assert len(rows) == len(displayed)
    for (label, shown), (number, formula, how, mutants) in zip(displayed.items(), rows, strict=True):
        assert [(child.type, child.content) for child in number] == [("text", shown.number)]
        assert [(child.type, f"${child.content}$") for child in formula] == [("math_inline", inline(shown.latex))]
        assert "".join(child.content for child in how) == ENTRY[label].how
        assert "".join(child.content for child in mutants) == "; ".join(ENTRY[label].mutants)
        assert {child.type for child in (*how, *mutants)} <= {"text", "text_special"}
        assert not re.search(r"\\[^a-zA-Z ]|[|<>]", formula[0].content)


def test_marks_of_markdown_in_formula_and_text_are_kept_from_it(tmp_path):
    latex = r"\left| x \right|\, \begin{cases} \|y\| \\|z| \end{cases} \{a\} < b > c"
    lessons = lessons_of(tmp_path, LESSON.replace("y = 2 x", latex))
    entry = Entry(
        "eq:double",
        displayed_equations(lessons)["eq:double"].fingerprint,
        how="a|b <pad> *c* `d` _e_ $f$ [g](h) \\i",
        mutants=["a_b_c", "d|e"],
        file="lesson_00",
    )
    page = table(lessons, [entry])
    ((_, formula, how, mutants),) = rows_of(page)
    assert formula[0].content == (
        r"\left\vert x \right\vert \begin{cases} \Vert y\Vert \cr \vert z\vert \end{cases} "
        r"\lbrace a\rbrace \lt b \gt c"
    )
    assert "".join(child.content for child in how) == entry.how
    assert "".join(child.content for child in mutants) == "a_b_c; d|e"


def test_a_page_is_not_made_of_a_ledger_with_faults(tmp_path):
    with pytest.raises(ValueError, match=r"eq:double \(0\.1\) has no check"):
        table(lessons_of(tmp_path, LESSON), [])
    with pytest.raises(LessonError, match="one"):
        table(lessons_of(tmp_path, LESSON.replace(r"\label{eq:double}", "")), [])
