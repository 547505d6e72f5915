"""The gradebook holds no formula and the pages no element of a student's; their numbers are those of a slow loop."""

import csv
import io
import os
import re
import shutil
import tomllib
from hashlib import sha256
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from statistics import mean

import polars as pl
import pytest
import torch
from chromium import chromium
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmgen_course.exercises import Exercise, Misconception, all_exercises, mark
from mmgen_course.exercises.feedback import Feedback
from mmgen_course.grading import class_statistics, report
from mmgen_course.grading.submissions import readable

ROOT = Path(__file__).resolve().parents[1]
TWICE = Exercise(
    "twice",
    "09_evaluation",
    2,
    1,
    1,
    "2 x",
    lambda g: (torch.rand(2, 3, generator=g),),
    lambda x: 2 * x,
    (Misconception("squared", lambda x: x * x, "That is x times x."), Misconception("halved", lambda x: x / 2, "½.")),
)
KNOWN = {**{name: one for name, one in all_exercises().items() if one.lesson == "08_vae"}, "twice": TWICE}
HOSTILE = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    ' "=1+1',
    'a;=HYPERLINK("x")',
    "＝1+1",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}",
    "</title></svg></table><h1>",
    "\x1b[31mred\x00\x07",
    "\u202egnp.exe",
    "half \ud800 a letter",
    "]]>&lt;&amp;&#60;b&#62;",
    "../../etc/passwd",
    "CON",
    "n" * 10_000,
    "Zoë 张三 שלום",
    "line\nbreak",
]


@pytest.fixture(autouse=True, scope="module")
def known():
    """The exercises of lesson 8 and one of lesson 9, however many the course has; and nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_statistics, "all_exercises", lambda: KNOWN)
        patch.setattr(os, "fsync", lambda descriptor: None)
        class_statistics.headings.cache_clear()
        yield
    class_statistics.headings.cache_clear()


def raising(error):
    def answer(*arguments):
        raise error

    return answer


def changing(*arguments):
    arguments[0].add_(1)
    return arguments[0]


def verdict_of(exercise, answer):
    verdict = mark(exercise, answer)
    mistake = verdict.misconception
    return {
        "state": verdict.state,
        "points": verdict.points,
        "of": exercise.points,
        "reason": verdict.reason,
        "mistake": mistake.name if mistake else None,
        "hint": mistake.hint if mistake else "",
    }


def answers(exercise):
    """What people hand in: right, each known mistake, something else, an error, nothing."""
    yield exercise.reference
    yield from (mistake.wrong for mistake in exercise.misconceptions)
    yield lambda *arguments: torch.full((7,), 0.5)
    yield changing
    yield raising(ValueError("shapes (6, 4) and (4,) do not fit"))
    yield raising(NotImplementedError(f"your turn: {exercise.name}"))


VERDICTS = {name: [verdict_of(exercise, answer) for answer in answers(exercise)] for name, exercise in KNOWN.items()}
STOPPED = {
    "timeout": "no answer in time: does a loop never end?",
    "limit": "more memory than a notebook may use",
    "protocol": "what came was no answer: it has no value",
    "not graded": "the sandbox did not start",
}


def outcome(student, lesson="08_vae", exercises=None, state="graded", reason="", file=None, notes=(), text=None):
    exercises = exercises or {}
    file = file or f"{student}/{lesson}.ipynb"
    digest = sha256((text or f"{student} {lesson} {file}").encode("utf-8", "replace")).hexdigest()
    return {
        "student": student,
        "lesson": lesson,
        "file": file,
        "sha256": digest,
        "key": sha256(repr((student, file, digest)).encode()).hexdigest(),
        "isolation": "contained",
        "state": state,
        "reason": reason,
        "points": sum(result["points"] for result in exercises.values()),
        "of": sum(result["of"] for result in exercises.values()),
        "notes": list(notes),
        "exercises": exercises,
        "seconds": 0.1,
    }


def made_up_class(students=40):
    """A class that handed in two lessons; the answers are drawn, and were marked."""
    generator = torch.Generator().manual_seed(6)

    def draw(number):
        return int(torch.randint(number, (), generator=generator))

    outcomes = []
    for number, (lesson, names) in product(
        range(students), [("08_vae", list(KNOWN)[:-1]), ("09_evaluation", ["twice"])]
    ):
        done = {}
        for name in names:
            # half of the class is right, and the mistakes listed first are made more often
            place = 0 if draw(2) else min(draw(len(VERDICTS[name])), draw(len(VERDICTS[name])))
            done[name] = VERDICTS[name][place]
            if draw(20) == 0:
                state = list(STOPPED)[draw(3)]
                done[name] = {**VERDICTS[name][-1], "state": state, "reason": STOPPED[state]}
        notes = ["code cell 3: 2 lines that are not Python were left out"] if draw(5) == 0 else []
        outcomes.append(outcome(f"student {number:02d}", lesson, done, notes=notes))
    broken = {
        name: {**VERDICTS[name][0], **class_statistics.UNTOLD, "of": KNOWN[name].points} for name in list(KNOWN)[:-1]
    }
    broken["kl_between"] = VERDICTS["kl_between"][0]
    outcomes += [
        outcome("student 03", "08_vae", outcomes[0]["exercises"], file="student 03/08_vae (1).ipynb"),
        outcome("copycat", "08_vae", outcomes[2]["exercises"], text="student 01 08_vae student 01/08_vae.ipynb"),
        outcome("empty", "", state="refused", reason="the file is empty: save the notebook and hand it in again"),
        outcome("unlucky", "08_vae", broken, state="not graded", reason="the sandbox did not start"),
        outcome("lost", "08_vae", state="not graded", reason="the cluster lost it: KilledWorker"),
    ]
    return outcomes


# ---- how the tests read what was written


class Page(HTMLParser):
    """A page as its elements (with the names of their attributes), links, ids, text, and the rows of its tables."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.links, self.words, self.rows, self.inside = [], [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, tuple(sorted(name for name, _ in attributes))))
        self.links += [value for name, value in attributes if name in ("href", "src", "action")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        self.inside = tag

    def handle_endtag(self, tag):
        if tag == "tbody":
            self.rows.append([])

    def handle_data(self, data):
        if self.inside != "style":
            self.words.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def written(outcomes, folder):
    report.write_reports(outcomes, folder)
    return folder


def grade_rows(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))


def grades(path):
    head, *rows = grade_rows(path)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def outcomes():
    return made_up_class()


@pytest.fixture(scope="module")
def folder(outcomes, tmp_path_factory):
    return written(outcomes, tmp_path_factory.mktemp("class"))


# ---- the gradebook


def test_there_is_a_row_for_each_notebook_and_a_column_for_each_exercise_of_both_lessons(outcomes, folder):
    head, *rows = grade_rows(folder / "gradebook.csv")
    fixed = ["student", "lesson", "file", "state", "points", "of"]
    exercises = ["kl_between", "antithetic_draws", "elbo_per_image", "iwae_bound", "twice"]
    assert head == [*fixed, *exercises, "note"]
    assert len(rows) == len(outcomes)
    for row, one in zip(grades(folder / "gradebook.csv"), outcomes, strict=True):
        assert [row[name] for name in fixed[:4]] == [one[name] for name in fixed[:4]]
        if one["state"] == "graded":
            assert (int(row["points"]), int(row["of"])) == (one["points"], one["of"])
            for name in exercises:
                result = one["exercises"].get(name)
                assert row[name] == ("" if result is None else str(result["points"]))


def test_what_is_not_graded_is_an_empty_cell_and_no_zero(folder):
    rows = {row["student"]: row for row in grades(folder / "gradebook.csv")}
    numbers = ["points", "of", "kl_between", "antithetic_draws", "elbo_per_image", "iwae_bound"]
    assert [rows["unlucky"][name] for name in numbers] == ["", "", "4", "", "", ""]
    assert [rows["lost"][name] for name in numbers] == [""] * 6
    assert [rows["empty"][name] for name in numbers] == [""] * 6
    assert rows["unlucky"]["note"] == "the sandbox did not start"
    assert rows["empty"]["note"].startswith("the file is empty")


def test_polars_and_the_csv_module_read_the_same_and_numbers_are_numbers(folder):
    frame = pl.read_csv(folder / "gradebook.csv")
    head, *rows = grade_rows(folder / "gradebook.csv")
    assert frame.columns == head  # so the byte order mark is no part of the first name
    assert {frame[name].dtype for name in ("points", "of", "kl_between", "twice")} == {pl.Int64}
    assert [["" if cell is None else str(cell) for cell in row] for row in frame.rows()] == rows
    assert (folder / "gradebook.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_two_notebooks_of_a_student_and_one_notebook_of_two_students_are_noted(folder):
    rows = grades(folder / "gradebook.csv")
    noted = {row["file"]: row["note"] for row in rows if "notebooks of this student" in row["note"]}
    assert sorted(noted) == ["student 03/08_vae (1).ipynb", "student 03/08_vae.ipynb"]
    assert all("student 03/08_vae (1).ipynb" in note and "2 notebooks" in note for note in noted.values())
    same = {row["student"]: row["note"] for row in rows if "the same file" in row["note"]}
    assert sorted(same) == ["copycat", "student 01"]
    assert "the same file as student 01, byte for byte" in same["copycat"]
    text = Page(folder / "report.html").text
    assert "copycat/08_vae.ipynb: the same file as student 01, byte for byte" in text
    assert "student 03/08_vae (1).ipynb: 2 notebooks of this student" in text


def test_the_same_untouched_notebook_of_a_whole_class_is_said_to_be_untouched_and_names_few():
    undone = {"twice": VERDICTS["twice"][-1]}
    said = class_statistics.remarks([outcome(f"s{n}", "09_evaluation", undone, text="as handed out") for n in range(9)])
    assert said[0] == ["the same file as s1, s2, s3, s4, s5 and 3 more, byte for byte, with nothing done in it"]


def test_without_a_sandbox_each_row_and_the_report_say_so(outcomes, tmp_path):
    contained, not_contained = tmp_path / "a", tmp_path / "b"
    written(outcomes[:2], contained)
    written([outcomes[0], {**outcomes[1], "isolation": "uncontained"}], not_contained)
    assert [row["note"].startswith("UNCONTAINED") for row in grades(contained / "gradebook.csv")] == [False, False]
    assert [row["note"].startswith("UNCONTAINED") for row in grades(not_contained / "gradebook.csv")] == [False, True]
    assert "UNCONTAINED" not in Page(contained / "report.html").text
    banner = "UNCONTAINED: 1 notebook was graded without a sandbox"
    assert banner in Page(not_contained / "report.html").text
    assert 'class="alarm" role="alert"' in (not_contained / "report.html").read_text()


# ---- what students write

texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), min_size=1, max_size=20))
texts = texts | st.builds("".join, st.lists(texts, min_size=1, max_size=3))
quick = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def hostile(student, file, reason, note):
    """Four results in which each text is a student's."""
    wrong = {**VERDICTS["twice"][1], "reason": reason}
    stopped = {**VERDICTS["twice"][-2], "state": "error", "reason": reason}
    return [
        outcome(student, "09_evaluation", {"twice": wrong}, file=file, notes=[note]),
        outcome(student, "09_evaluation", {"twice": stopped}, file=file + "2", notes=[note, reason]),
        outcome("z" + student, "", state="refused", reason=reason, file=file + "3"),
        outcome("y" + student, "09_evaluation", {"twice": wrong}, file=file, text=student),
    ]


def is_formula(cell):
    """As a spreadsheet sees it that takes commas, or semicolons, for separators."""
    return any(part.lstrip(' "').startswith(tuple("=+-@＝＋－＠")) for part in cell.split(";")) or cell[:1] in (
        "\t",
        "\r",
    )


@quick
@given(texts, texts, texts, texts)
@example("=1+1", "\t=1+1", 'a;"=1+1', "＝1+1")
def test_no_cell_is_a_formula_whatever_students_write(student, file, reason, note):
    got = hostile(student, file, reason, note)
    data = report.gradebook(got).encode()
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    assert len(rows) == 4
    assert all(len(row) == len(head) for row in rows)
    assert not [cell for row in rows for cell in row if is_formula(cell)]
    frame = pl.read_csv(data, schema_overrides=dict.fromkeys(("student", "file", "note"), pl.String))
    assert frame["points"].to_list() == [0, 0, None, 0]
    assert [[cell or "" for cell in row] for row in frame.select("student", "file", "note").rows()] == [
        [row[0], row[2], row[-1]] for row in rows
    ]
    for row, one in zip(rows, got, strict=True):
        plain = readable(one["student"])  # nothing is lost but what cannot be shown, and nothing is added but the guard
        assert row[0].replace("'", "")[:31_000] == plain.replace("'", "")[:31_000]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("alice", "alice"),
        ("o'neill-smith", "o'neill-smith"),
        ("=1+1", "'=1+1"),
        ("-", "'-"),
        ("\t=1+1", "' =1+1"),
        ("\rx", "'?x"),
        ('a;"=1+1', "a;'\"=1+1"),
        ("a; b", "a; b"),
        ("", ""),
    ],
)
def test_a_guarded_cell_has_an_apostrophe_and_any_other_cell_is_as_it_came(text, cell):
    row = list(csv.reader(io.StringIO(report.gradebook([outcome(text, file="f")])[1:], newline="")))[1]
    assert row[0] == cell


@quick
@given(texts, texts, texts, texts)
@example(*["</script><img src=x onerror=alert(1)>"] * 4)
@example(*["\"' onmouseover='alert(1)"] * 4)
def test_no_element_of_a_page_comes_from_a_student(tmp_path_factory, student, file, reason, note):
    got = hostile(student, file, reason, note)
    tame = [
        {**one, "student": f"{one['student'][0]}x" if n > 1 else "x", "file": "f", "reason": "r" * bool(one["reason"])}
        for n, one in enumerate(hostile("x", "f", "r", "n"))
    ]
    for one, other in zip(tame, got, strict=True):
        one.update(key=other["key"], sha256=other["sha256"])
    here = tmp_path_factory.mktemp("pages")
    written(got, here / "hostile")
    written(tame, here / "tame")
    names, others = report.page_names(got), report.page_names(tame)
    pages = {"report.html": "report.html"} | {
        f"feedback/{a}": f"feedback/{b}" for a, b in zip(names, others, strict=True)
    }
    for name, other in pages.items():
        page, plain = Page(here / "hostile" / name), Page(here / "tame" / other)
        assert page.elements == plain.elements
        assert all(re.fullmatch(r"#\w+|feedback/[a-z0-9-]+\.html", link) for link in page.links)
    shutil.rmtree(here)


def test_what_students_write_can_be_read_on_the_pages_as_text(tmp_path):
    for text in HOSTILE:
        here = written(hostile(text, "f", text, text), tmp_path)
        shown = " ".join(readable(text).split())[:50]
        for page in (here / "report.html", here / "feedback" / report.page_names(hostile(text, "f", text, text))[0]):
            assert shown in Page(page).text


# ---- the numbers of the report


def slow_counts(outcomes, lesson, name):
    counts = {}
    for one in outcomes:
        if one["lesson"] == lesson:
            result = one["exercises"].get(name, {"state": "not graded", "mistake": None})
            label = (
                result["mistake"]
                or {
                    "right": "right",
                    "wrong": "wrong in another way",
                    "error": "stopped with an error",
                    "timeout": "took too long",
                    "limit": "needed too much memory, or too many processes",
                    "protocol": "gave no answer that can be read",
                    "not done": "not done yet",
                    "not graded": "not graded yet",
                }[result["state"]]
            )
            counts[label] = counts.get(label, 0) + 1
    return counts


def test_the_bars_of_each_exercise_are_the_counts_of_a_slow_loop(outcomes, folder):
    rows = Page(folder / "report.html").rows
    starts = [n for n, row in enumerate(rows) if row[:2] == ["answer", "notebooks"]]
    assert len(starts) == len(KNOWN)
    for start, (name, exercise) in zip(starts, KNOWN.items(), strict=True):
        counts = slow_counts(outcomes, exercise.lesson, name)
        shown = rows[start + 1 : start + 1 + len(counts)]
        assert {label: int(number) for label, number, _ in shown} == counts
        assert rows[start][2] == f"of {sum(counts.values())}"
        nobody = [mistake.name for mistake in exercise.misconceptions if mistake.name not in counts]
        assert (
            not nobody or f"Known mistakes that nobody made: {'; '.join(nobody)}." in Page(folder / "report.html").text
        )


def test_the_parts_of_a_bar_lie_side_by_side_and_fill_it(outcomes):
    for name, exercise in KNOWN.items():
        end = 0.0
        theirs = [one for one in outcomes if one["lesson"] == exercise.lesson]
        for bar in class_statistics.exercise_numbers(name, theirs)["bars"]:
            assert bar["start"] == pytest.approx(end)
            assert bar["width"] == pytest.approx(100 * bar["number"] / len(theirs))
            end += bar["width"]
        assert end == pytest.approx(100)


def test_the_histogram_its_description_and_its_table_are_the_counts_of_a_slow_loop(outcomes, folder):
    page = Page(folder / "report.html")
    for lesson, of in (("08_vae", 12), ("09_evaluation", 2)):
        points = [one["points"] for one in outcomes if one["lesson"] == lesson and one["state"] == "graded"]
        counts = [0] * (of + 1)
        for value in points:
            counts[value] += 1
        start = next(n for n, row in enumerate(page.rows) if row == ["points", "notebooks"])
        assert page.rows[start + 1 : start + of + 2] == [[str(n), str(count)] for n, count in enumerate(counts)]
        del page.rows[start]
        said = "; ".join(f"{n} points: {c} notebook{'s' * (c > 1)}" for n, c in enumerate(counts) if c)
        assert said in page.text
        assert f"{len(points)} notebooks graded: {mean(points):.1f} of {of} points in the mean" in page.text


def test_a_histogram_of_many_points_has_wider_bars_and_loses_nobody():
    points = [n % 101 for n in range(1000)]
    bars = list(class_statistics.histogram(points, of=100))
    assert len(bars) <= class_statistics.MOST_BARS
    assert sum(number for _, number in bars) == 1000
    assert bars[0] == ("0-4", sum(value <= 4 for value in points))
    assert bars[-1] == ("100", points.count(100))


def test_the_mistakes_to_teach_again_are_ranked_by_how_many_students_made_them(outcomes, folder):
    students = {}
    for one in outcomes:
        for name, result in one["exercises"].items():
            if result["state"] == "wrong":
                students.setdefault((name, result["mistake"]), set()).add(one["student"])
    ranked = class_statistics.mistakes_made(outcomes)
    assert {(made["exercise"], made["mistake"]): len(made["places"]) for made in ranked} == {
        key: len(names) for key, names in students.items()
    }
    numbers = [len(made["places"]) for made in ranked]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) > 2
    for made in ranked:
        names = [outcomes[place]["student"] for place in made["places"]]
        assert sorted(names) == sorted(students[made["exercise"], made["mistake"]])
    text = Page(folder / "report.html").text
    known = [made for made in ranked if made["mistake"]]
    places = []
    for rank, made in enumerate(known, 1):
        lesson = {one["student"] for one in outcomes if one["lesson"] == made["lesson"]}
        places.append(text.find(f"{rank}. {made['mistake']} {len(made['places'])} of {len(lesson)} students in "))
        assert text.find(made["hint"], places[-1]) > 0
    assert -1 not in places
    assert places == sorted(places)


def test_a_student_who_makes_a_mistake_in_two_notebooks_counts_once():
    wrong = {"twice": VERDICTS["twice"][1]}
    twice = [outcome("a", "09_evaluation", wrong, file=file) for file in ("1", "2")]
    [made] = class_statistics.mistakes_made([*twice, outcome("b", "09_evaluation", {"twice": VERDICTS["twice"][0]})])
    assert (made["mistake"], made["places"], made["of"]) == ("squared", [0], 2)


def test_the_report_names_the_section_of_the_lesson_and_the_reasons_of_what_has_no_grade(folder):
    page = Page(folder / "report.html")
    assert "in 8. VAE: a code that can be drawn from, exercise 1. Between two Gaussians, kl_between" in page.text
    assert ["lost", "lost/08_vae.ipynb", "not graded", "the cluster lost it: KilledWorker"] in page.rows
    assert any(row[2:] == ["refused", "the file is empty: save the notebook and hand it in again"] for row in page.rows)


def test_a_class_of_nobody_has_a_report_too(tmp_path):
    written([], tmp_path)
    assert grade_rows(tmp_path / "gradebook.csv") == [["student", "lesson", "file", "state", "points", "of", "note"]]
    assert "Nobody made a known mistake." in Page(tmp_path / "report.html").text


# ---- the pages of feedback


@pytest.mark.parametrize("name", KNOWN)
def test_feedback_has_the_words_that_check_has_in_the_notebook(name, tmp_path):
    exercise = KNOWN[name]
    for answer, result in zip(answers(exercise), VERDICTS[name], strict=True):
        one = outcome("alice", exercise.lesson, {name: result})
        page = Page(written([one], tmp_path) / "feedback" / report.page_names([one])[0])
        verdict = Feedback(mark(exercise, answer))
        said = [f"{start}: {rest}" for start, rest in verdict.sentences() if start != "Where"]
        lines = [verdict.head, *said]
        shown = f"{' '.join(' '.join(lines).split())} Each exercise was asked several times"
        assert shown in page.text  # these words, and none after them
        assert f"{result['points']} of {exercise.points} points" in page.text


def test_what_stopped_is_said_and_what_is_our_fault_is_no_zero_and_says_nothing_of_our_machine(tmp_path):
    done = {
        name: {**VERDICTS[name][-1], "state": state, "reason": STOPPED[state]}
        for name, state in zip(KNOWN, STOPPED, strict=False)
    }
    one = outcome("alice", "08_vae", done, state="not graded", reason="no space left on /our/disk")
    text = Page(written([one], tmp_path) / "feedback" / report.page_names([one])[0]).text
    assert "kl_between: ✗ took too long, 0 of 4 points" in text
    assert "What happened: no answer in time: does a loop never end? antithetic_draws: ✗" in text
    assert "What happened: more memory than a notebook may use." in text
    assert "iwae_bound: ○ not graded yet About" not in text
    assert "iwae_bound: ○ not graded yet Asked for:" in text
    assert "This notebook is not graded yet. The fault lies with the grading, not with you." in text
    assert "/our/disk" not in text
    assert "sandbox" not in text
    assert "0 of 3 points" not in text.split("iwae_bound")[1]


def test_no_page_of_feedback_names_another_student_or_holds_a_hash(outcomes, folder):
    students = {one["student"] for one in outcomes}
    names = report.page_names(outcomes)
    assert sorted(path.name for path in (folder / "feedback").iterdir()) == sorted(names)
    for name, one in zip(names, outcomes, strict=True):
        html = (folder / "feedback" / name).read_text()
        assert {student for student in students - {"empty", "lost"} if student in html} <= {one["student"]}
        assert one["student"] in html
        assert one["sha256"][:8] not in html
        assert one["key"][:8] not in html


def test_an_error_that_prints_the_inputs_does_not_show_them(tmp_path):
    exercise = KNOWN["kl_between"]
    inputs = exercise.inputs(torch.Generator().manual_seed(0))

    def printing(*arguments):
        raise ValueError(f"expected 2 axes; got {arguments} and {arguments[0][0].tolist()}")

    result = {**VERDICTS["kl_between"][-2], "reason": mark(exercise, printing).reason}
    assert f"{inputs[0][0, 0].item():.4f}" in result["reason"]
    one = outcome("alice", exercises={"kl_between": result}, notes=[result["reason"]])
    text = Page(written([one], tmp_path) / "feedback" / report.page_names([one])[0]).text
    assert text.count("ValueError: expected 2 axes; got (…, …") == 2  # in the verdict and in the note
    assert [f"{value:.4f}" for draw in inputs for value in draw.flatten() if f"{abs(value):.3f}"[:-1] in text] == []


@quick
@given(
    st.lists(
        st.tuples(texts, st.sampled_from(["08_vae", ""]), st.sampled_from(["0" * 64, "0" * 8 + "1" * 56, "f" * 64]))
    )
)
def test_names_of_pages_are_safe_and_no_two_alike(drawn):
    names = report.page_names([{"student": s, "lesson": lesson, "key": key} for s, lesson, key in drawn])
    assert len({name.lower() for name in names}) == len(drawn)
    for name in names:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+\.html", name)
        assert len(name) < 200


def test_pages_of_an_earlier_grading_go_and_what_is_not_ours_stays(outcomes, tmp_path):
    written(outcomes[:2], tmp_path)
    old = report.page_names(outcomes[:2])
    mine = tmp_path / "feedback" / "my-own-notes.html"
    mine.write_text("<!DOCTYPE html> not made by a program")
    (tmp_path / "feedback" / "x.html.1.partial").write_text("of a run that was killed")
    written(outcomes[1:3], tmp_path)
    here = {path.name for path in (tmp_path / "feedback").iterdir()}
    assert here == {old[1], report.page_names(outcomes[2:3])[0], mine.name}


def test_every_file_is_written_whole_or_not_at_all_and_only_if_it_changed(outcomes, tmp_path, monkeypatch):
    replaced = []
    through = report.replacing
    monkeypatch.setattr(report, "replacing", lambda path: (replaced.append(path), through(path))[1])
    written(outcomes, tmp_path)
    assert sorted(replaced) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    replaced.clear()
    written(outcomes[:-1], tmp_path)
    assert replaced == [tmp_path / "gradebook.csv", tmp_path / "report.html"]


def test_a_wheel_holds_the_templates():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folder = Path(report.__file__).parent
    patterns = project["tool"]["setuptools"]["package-data"]["mmgen_course.grading"]
    packed = {path for pattern in patterns for path in folder.glob(pattern)}
    assert packed == {path for path in folder.rglob("*") if path.suffix not in (".py", ".pyc") and path.is_file()}
    assert {path.name for path in packed} == {"base.html", "report.html", "feedback.html"}


# ---- in a browser

CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number)
  const light = colour => numbers(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor
      if (numbers(colour)[3] !== 0) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const edges = style => [style.fill, style.stroke].filter(colour => colour !== 'none')
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
  const found = {text: [], bars: []}
  for (const node of document.querySelectorAll('body *')) {
    const style = getComputedStyle(node)
    if ([...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
      found.text.push(ratio(node.closest('svg') ? style.fill : style.color, behind(node)))
    if (node.tagName === 'rect')  // a bar is seen by its colour or by its edge
      found.bars.push(Math.max(...edges(style).map(colour => ratio(colour, behind(node)))))
  }
  return found
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.mark.parametrize("width", [1280, 400])
def test_in_a_browser_nothing_runs_loads_or_overflows_and_all_can_be_read(browser, outcomes, tmp_path, width):
    students = [one for text in HOSTILE for one in hostile(text, text, text, text)]
    got = [*outcomes, *students, {**outcomes[0], "isolation": "uncontained"}]
    written(got, tmp_path)
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked, dialogs = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    # one page of each kind, and one of each hostile text
    shown = ["report.html", *(f"feedback/{name}" for name in report.page_names(got)[-2 * len(students) // 2 :: 4])]
    for name in [*shown, f"feedback/{report.page_names(got)[0]}"]:
        page.goto((tmp_path / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert page.locator("script, img, iframe, object, embed, form, link, base").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("document.compatMode") == "CSS1Compat"
        contrasts = page.evaluate(CONTRASTS)
        assert min(contrasts["text"]) >= 4.5, name  # WCAG 2.2 AA: text
        assert min(contrasts["bars"], default=3) >= 3, name  # and graphics
    assert dialogs == []
    assert all(url.startswith("file:///") and url.endswith(".html") for url in asked)
    assert len(asked) == len(shown) + 1
    page.close()
