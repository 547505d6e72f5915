"""tools/lessons: what it makes of a lesson, and everything that must stop it."""

import json
import re
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from nbformat import NotebookNode, v4
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import is_grade, is_locked, is_solution

from mmgen_course.exercises import Exercise, all_exercises
from mmgen_course.notebooks.run import ROOT
from tools.lessons import build as build_lessons
from tools.lessons.build import Course, build, check_leaks, learner_notebook, main, read_course, solution_notebook
from tools.lessons.outputs import settle, to_bytes
from tools.lessons.solutions import answer_name, learner_text
from tools.lessons.source import LessonError, read_lesson

EXERCISE = '''\
# %% tags=["exercise"]
def mean(values):
    """Return the mean."""
    # BEGIN SOLUTION
    total = sum(values)
    return total / len(values)
    # END SOLUTION

# %%
check(mean)
'''


def toy(name: str = "mean", lesson: str = "00_tiny", points: int = 3) -> Exercise:
    """An Exercise of a lesson that this file makes up; nobody is judged by it."""
    return Exercise(name, lesson, points, 5, 1, "a number", lambda generator: ([1, 2],), lambda values: 1.5, ())


def course_of(folder: Path, *sources: str, exercises: list[Exercise] | None = None) -> Course:
    """Read sources as the lessons 00_tiny, 01_tiny, ...; what `check` knows is `mean` where one of them asks for it."""
    for i, source in enumerate(sources):
        (folder / f"{i:02d}_tiny.py").write_text(dedent(source))
    if exercises is None:
        exercises = [toy()] if EXERCISE in sources[0] else []
    return read_course(folder, {exercise.name: exercise for exercise in exercises})


def texts(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


# ---- exercises


def test_learner_gets_a_stub_and_the_solutions_notebook_the_code_between_its_markers(tmp_path):
    course = course_of(tmp_path, EXERCISE)
    head = 'def mean(values):\n    """Return the mean."""\n'
    stub = '    raise NotImplementedError("your turn: mean")'
    assert texts(learner_notebook(course.lessons[0], course)) == [head + stub, "check(mean)"]
    solved = "    # BEGIN SOLUTION\n    total = sum(values)\n    return total / len(values)\n    # END SOLUTION"
    assert texts(solution_notebook(course.lessons[0], course)) == [head + solved, "check(mean)"]


def test_a_method_and_a_second_function_of_the_cell_are_stubbed_apart(tmp_path):
    source = """\
    # %% tags=["exercise"]
    class Line:
        def at(self, x):
            # BEGIN SOLUTION
            return self.a * x + self.b
            # END SOLUTION

    def twice(x):
        y = 2 * x
        # BEGIN SOLUTION
        @staticmethod
        def helper():
            return 1
        # END SOLUTION
        return y

    # %%
    1
    """
    (tmp_path / "00_tiny.py").write_text(dedent(source))
    namespace: dict = {}
    exec(learner_text(read_lesson(tmp_path / "00_tiny.py").cells[0]), namespace)
    with pytest.raises(NotImplementedError, match="your turn: at"):
        namespace["Line"]().at(1)
    with pytest.raises(NotImplementedError, match="your turn: twice"):
        namespace["twice"](1)


MISSPELT = [
    "# BEGIN SOLUTON",
    "# BGIN SOLUTION",
    "#BEGIN SOLUTION",
    "#  BEGIN SOLUTION",
    "# begin solution",
    "# Begin Solution",
    "### BEGIN SOLUTION",
    "# BEGIN SOLUTION:",
    "# BEGIN SOLUTION ",
    "# BEGIN_SOLUTION",
    "# BEGINSOLUTION",
    "# BEGIN SOLUTIONS",
    "# START SOLUTION",
    "# SOLUTION",
    "# BEGIN SOLUTION of the mean",
    "# BEGINSOLUTION of the mean",
    "pass  # BEGIN SOLUTION",
]


@pytest.mark.parametrize("marker", MISSPELT + [m.replace("BEGIN", "END") for m in MISSPELT if "BEGIN" in m])
def test_a_misspelt_marker_stops_the_build(tmp_path, marker):
    row, right = (7, "# END SOLUTION") if "END" in marker else (4, "# BEGIN SOLUTION")
    with pytest.raises(LessonError, match=rf"00_tiny\.py:{row}: .*looks like a solution marker; write"):
        course_of(tmp_path, EXERCISE.replace(right, marker))


def test_two_misspelt_markers_in_an_untagged_cell_stop_the_build(tmp_path):
    source = EXERCISE.replace("SOLUTION", "SOLUTON").replace(' tags=["exercise"]', "")
    with pytest.raises(LessonError, match=r"00_tiny\.py:4: .*looks like"):
        course_of(tmp_path, source)


@pytest.mark.parametrize("indent", ["", "  ", "        "])
@pytest.mark.parametrize(("row", "marker"), [(4, "# BEGIN SOLUTION"), (7, "# END SOLUTION")])
def test_a_marker_of_another_indentation_than_the_body_stops_the_build(tmp_path, row, marker, indent):
    with pytest.raises(LessonError, match=rf"00_tiny\.py:{row}: .*indent it by 4 spaces, as the body of mean"):
        course_of(tmp_path, EXERCISE.replace("    " + marker, indent + marker))


def test_a_tab_before_a_marker_stops_the_build(tmp_path):
    with pytest.raises(LessonError, match=r"00_tiny\.py:4: "):
        course_of(tmp_path, EXERCISE.replace("    # BEGIN", "\t# BEGIN"))


def test_a_solution_in_a_cell_without_the_tag_stops_the_build(tmp_path):
    with pytest.raises(LessonError, match=r"00_tiny\.py:4: .*add the tag"):
        course_of(tmp_path, EXERCISE.replace(' tags=["exercise"]', ""))


def test_a_solution_in_markdown_stops_the_build(tmp_path):
    with pytest.raises(LessonError, match=r"00_tiny\.py:3: .*outside a code cell"):
        course_of(tmp_path, "# %% [markdown]\n# Look:\n# # BEGIN SOLUTION\n# x\n")
    with pytest.raises(LessonError, match=r"00_tiny\.py:2: .*looks like"):
        course_of(tmp_path, "# %% [markdown]\n# Begin solution\n")


BEGIN, END = "    # BEGIN SOLUTION\n", "    # END SOLUTION\n"
MISPLACED = {
    "unclosed": (EXERCISE.replace(END, ""), "4: this solution never ends"),
    "unopened": (EXERCISE.replace(BEGIN, ""), "6: END without BEGIN"),
    "end before begin": (EXERCISE.replace(BEGIN, "@").replace(END, BEGIN).replace("@", END), "4: END without"),
    "nested": (EXERCISE.replace(BEGIN, BEGIN * 2), "5: BEGIN inside a solution"),
    "tag without solution": (EXERCISE.replace(BEGIN, "").replace(END, ""), "2: an exercise without a solution"),
    "tag on Markdown": ('# %% [markdown] tags=["exercise"]\n# text\n', "2: only a code cell"),
    "empty": (
        EXERCISE.replace("    total = sum(values)\n    return total / len(values)\n", ""),
        "4: .*whole statements",
    ),
    "comments only": (re.sub("    (total|return)", r"    # \1", EXERCISE), "4: .*whole statements"),
    "module level": (
        '# %% tags=["exercise"]\n# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n',
        "2: .*whole statements of a function",
    ),
    "a whole function": (
        '# %% tags=["exercise"]\n# BEGIN SOLUTION\ndef f():\n    return 1\n# END SOLUTION\n',
        "2: .*whole statements of a function",
    ),
    "over two functions": (
        f'# %% tags=["exercise"]\ndef f():\n{BEGIN}    return 1\ndef g():\n    return 2\n{END}',
        "3: .*whole statements of a function",
    ),
    "inside a block": (
        f'# %% tags=["exercise"]\ndef f(x):\n    if x:\n    {BEGIN}        return 1\n    {END}',
        "4: .*whole statements of a function",
    ),
    "inside a statement": (
        f'# %% tags=["exercise"]\ndef f(x):\n    return max(\n{BEGIN}    x, 1\n{END}    )\n',
        "4: .*whole statements of a function",
    ),
    "after a decorator": (
        f'# %% tags=["exercise"]\ndef f():\n    @cache\n{BEGIN}    def g():\n        return 1\n{END}    return g\n',
        "4: .*whole statements of a function",
    ),
    "not Python": ('# %% tags=["exercise"]\ndef f(:\n    # BEGIN SOLUTION\n', "2: .*plain Python"),
}


@pytest.mark.parametrize(("source", "message"), MISPLACED.values(), ids=MISPLACED.keys())
def test_a_misplaced_marker_stops_the_build(tmp_path, source, message):
    with pytest.raises(LessonError, match=rf"00_tiny\.py:{message}"):
        course_of(tmp_path, source)


# ---- what nbgrader reads


def test_nbgrader_keeps_the_answer_and_grades_the_check_after_it_in_both_notebooks(tmp_path):
    course = course_of(tmp_path, '# %% tags=["hide-input"]\n1\n' + EXERCISE, exercises=[toy()])
    for notebook in (learner_notebook(course.lessons[0], course), solution_notebook(course.lessons[0], course)):
        MetadataValidator().validate_nb(notebook)
        plain, answer, grade = notebook.cells
        assert plain.metadata == {"tags": ["hide-input"]}
        assert (is_solution(answer), is_grade(answer), is_locked(answer)) == (True, False, False)
        assert (is_solution(grade), is_grade(grade), is_locked(grade)) == (False, True, True)
        assert answer.metadata.tags[0] == "exercise"
        assert [cell.metadata.nbgrader.locked for cell in (answer, grade)] == [False, True]
        ids = [cell.metadata.nbgrader.grade_id for cell in (answer, grade)]
        assert (*ids, grade.metadata.nbgrader.points) == ("mean", "check-mean", 3)


def test_the_book_folds_the_answer_of_the_solutions_and_nothing_of_the_learners(tmp_path):
    course = course_of(tmp_path, EXERCISE, exercises=[toy()])
    made = {build: build(course.lessons[0], course).cells for build in (learner_notebook, solution_notebook)}
    folded = {
        build.__name__: ["hide-input" in c.metadata.get("tags", []) for c in cells] for build, cells in made.items()
    }
    assert folded == {"learner_notebook": [False, False], "solution_notebook": [True, False]}


def test_a_class_and_its_methods_are_one_exercise(tmp_path):
    method = "    def {}(self):\n        # BEGIN SOLUTION\n        return {}\n        # END SOLUTION\n"
    source = '# %% tags=["exercise"]\nHALF = 2\n\n\nclass Line:\n' + method.format("a", 1) + method.format("b", 2)
    course = course_of(tmp_path, source + "# %%\ncheck(Line)\n", exercises=[toy("Line")])
    answer, _ = learner_notebook(course.lessons[0], course).cells
    assert answer.metadata.nbgrader.grade_id == answer_name(course.lessons[0].cells[0]) == "Line"


TWO = EXERCISE.replace("# END SOLUTION\n\n", f"# END SOLUTION\n\n\ndef half(x):\n{BEGIN}    return x / 2\n{END}\n")
UNGRADED = {
    "no check": (EXERCISE.partition("\n# %%\n")[0], [toy()], r"00_tiny\.py:2: no cell `check\(mean\)`"),
    "check of another": (EXERCISE.replace("check(mean)", "check(median)"), [toy()], r"00_tiny\.py:2: no cell `check"),
    "more than a check": (
        EXERCISE + "print(1)\n",
        [toy()],
        r"00_tiny\.py:2: no cell `check\(mean\)`, and nothing else",
    ),
    "a cell between": (
        EXERCISE.replace("\n# %%\n", "\n# %%\n1\n\n# %%\n"),
        [toy()],
        r"00_tiny\.py:2: no cell `check\(mean\)`",
    ),
    "check in Markdown": (
        EXERCISE.replace("# %%\ncheck", "# %% [markdown]\n# check"),
        [toy()],
        r"00_tiny\.py:2: no cell `check\(mean\)`",
    ),
    "check without exercise": (
        "# %%\n1\n    \ncheck(median)\n",
        [],
        r"00_tiny\.py:4: check\(median\) is not right after",
    ),
    "check again": (
        EXERCISE + "\n# %%\nfor _ in [1]:\n    check(mean)\n",
        [toy()],
        r"00_tiny\.py:14: check\(mean\) is not right after",
    ),
    "check in its own cell": (
        EXERCISE.replace("# END SOLUTION\n", "# END SOLUTION\n\n\ncheck(mean)\n"),
        [toy()],
        r"00_tiny\.py:10: check\(mean\) is not right after",
    ),
    "two in a cell": (TWO, [toy(), toy("half")], r"00_tiny\.py:2: one exercise a cell; this one holds mean, half"),
    "twice": (EXERCISE + "\n" + EXERCISE, [toy()], r"00_tiny\.py:13: a second exercise mean"),
    "unknown": (EXERCISE, [], r"00_tiny\.py:2: no Exercise is called 'mean'"),
    "of another lesson": (
        EXERCISE,
        [toy(lesson="01_tiny")],
        r"00_tiny\.py:2: mean stands in 00_tiny, but its Exercise says 01_tiny",
    ),
    "without a cell": (EXERCISE, [toy(), toy("half")], r"00_tiny\.py:1: this lesson lacks its exercise half"),
    "of no lesson": (
        EXERCISE,
        [toy(), toy("half", "09_tiny")],
        "the Exercise half says 09_tiny: no such lesson; there are",
    ),
}


@pytest.mark.parametrize(("source", "exercises", "message"), UNGRADED.values(), ids=UNGRADED.keys())
def test_an_exercise_that_nbgrader_could_not_grade_stops_the_build(tmp_path, source, exercises, message):
    with pytest.raises(LessonError, match=message):
        course_of(tmp_path, source, "# %%\n1\n", exercises=exercises)


def test_each_exercise_of_the_course_is_graded_once_for_its_points():
    course = read_course(ROOT / "notebooks" / "source")
    found = [cell for cells in course.grading.values() for cell in cells.values() if cell["grade"]]
    points = {f"check-{exercise.name}": exercise.points for exercise in all_exercises().values()}
    assert sorted((cell["grade_id"], cell["points"]) for cell in found) == sorted(points.items())


# ---- prose


def test_prose_and_comments_about_solutions_are_no_markers(tmp_path):
    markdown = "# %% [markdown]\n# ## Questions and solutions\n# In the end solution and question meet each other.\n"
    code = "# %%\nsize = 32  # image resolution\n# the end\n# our best solution so far\nend, solution = 1, 2\n"
    course_of(tmp_path, markdown + code)


def test_a_solution_line_in_any_learner_notebook_stops_the_build(tmp_path):
    other = "# %% [markdown]\n# Hint: `return  total /\tlen(values)` will do.\n"
    with pytest.raises(LessonError, match=r"00_tiny\.py:6: .*also stands in the learner's 01_tiny"):
        course_of(tmp_path, EXERCISE, other)


def test_a_solution_line_in_an_output_stops_the_build(tmp_path):
    course = course_of(tmp_path, EXERCISE)
    notebook = learner_notebook(course.lessons[0], course)
    check_leaks(notebook, course.lessons[0], course)
    notebook.cells[0].outputs = [v4.new_output("stream", text="    return total / len(values)\n")]
    with pytest.raises(LessonError, match="also stands in the learner's 00_tiny"):
        check_leaks(notebook, course.lessons[0], course)


# ---- equations


def test_equations_are_numbered_by_lesson_and_place_and_referred_to_from_any_lesson(tmp_path):
    first = r"""# %% [markdown]
# $$ a = b \label{eq:a} $$
# then, by (eq:a) and later (eq:c),
# $$
# \begin{aligned} c &= d \end{aligned}
# \label{eq:b}
# $$

# %%
c = 1  # (eq:b)
"""
    course = course_of(tmp_path, first, "# %% [markdown]\n# (eq:b)\n# $$ e \\label{eq:c} $$\n")
    assert course.equations == {"eq:a": "0.1", "eq:b": "0.2", "eq:c": "1.1"}
    notebooks = [learner_notebook(lesson, course) for lesson in course.lessons]
    assert texts(notebooks[0]) == [
        "$$ a = b \\tag{0.1} $$\nthen, by (0.1) and later (1.1),\n"
        "$$\n\\begin{aligned} c &= d \\end{aligned}\n\\tag{0.2}\n$$",
        "c = 1  # (0.2)",
    ]
    assert texts(notebooks[1]) == ["(0.2)\n$$ e \\tag{1.1} $$"]
    assert notebooks[1].metadata.mmgen.equations == {"eq:c": "1.1"}


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("$$ a = b $$", r"2: give a displayed equation one \\label\{eq:name\}, not 0"),
        (r"$$ a \label{eq:a} \label{eq:b} $$", "2: give a displayed equation one .* not 2"),
        (r"$$ a \label{a} $$", "2: give a displayed equation one .* not 0"),
        (r"$$ a \label{eq:a}", "2: .*not closed"),
        (r"$$ a \label{eq:a} $$ and $$ b \label{eq:a} $$", "2: eq:a already labels equation 0.1"),
        (r"$a \label{eq:a}$", r"2: a \\label outside"),
        (r"\begin{equation} a \label{eq:a} \end{equation}", r"2: display an equation by \$\$"),
        (r"\[ a \]", r"2: display an equation by \$\$"),
        (r"$$ \begin{aligned} a \label{eq:a} \end{aligned} $$", r"2: put \\label after"),
        (r"$$ a \label{eq:abc} $$ is (eq:abd)", r"2: \(eq:abd\) refers to no equation; labels are eq:abc"),
        ("see eq:abc", "2: 'eq:abc' is no reference"),
    ],
)
def test_an_equation_that_cannot_be_referred_to_stops_the_build(tmp_path, markdown, message):
    with pytest.raises(LessonError, match=rf"00_tiny\.py:{message}"):
        course_of(tmp_path, f"# %% [markdown]\n# {markdown}\n")


def test_a_label_used_in_two_lessons_stops_the_build(tmp_path):
    source = "# %% [markdown]\n# $$ a \\label{eq:a} $$\n"
    with pytest.raises(LessonError, match=r"01_tiny\.py:2: eq:a already labels equation 0\.1"):
        course_of(tmp_path, source, source)


# ---- cells


def test_a_code_cell_of_more_than_25_lines_stops_the_build(tmp_path):
    short = "# %%\n1\n# %%\n2\n# %%\n"
    course_of(tmp_path, short + "x = 1\n\n" * 25)
    with pytest.raises(LessonError, match=r"00_tiny\.py:6: 26 lines"):
        course_of(tmp_path, short + "x = 1\n\n" * 26)


def test_a_lesson_with_a_median_of_8_lines_a_cell_stops_the_build(tmp_path):
    course_of(tmp_path, "# %%\n" + "x = 1\n" * 7)
    with pytest.raises(LessonError, match=r"00_tiny\.py:1: the median code cell has 8 lines"):
        course_of(tmp_path, "# %%\n" + "x = 1\n" * 8)


@pytest.mark.parametrize("source", ["x = 1\n# %%\n2\n", '# %%\nx = """\n# %%\n"""\n'])
def test_code_that_belongs_to_no_cell_stops_the_build(tmp_path, source):
    with pytest.raises(LessonError, match="begin each cell, and nothing else, by such a line"):
        course_of(tmp_path, source)


def test_cells_are_named_by_lesson_and_place_and_keep_their_tags(tmp_path):
    source = '# %% [markdown]\n# text\n\n\n\n# %% tags=["hide-input"]\n1\n\n\n# %% [markdown]\n"""\ntext\n"""\n'
    course = course_of(tmp_path, source)
    cells = learner_notebook(course.lessons[0], course).cells
    assert [cell.id for cell in cells] == ["00_tiny-000", "00_tiny-001", "00_tiny-002"]
    assert [cell.metadata for cell in cells] == [{}, {"tags": ["hide-input"]}, {}]


# ---- outputs


def settled(folder: Path, *outputs: NotebookNode, tags: str = "[]", widgets: dict | None = None) -> NotebookNode:
    """Settle a notebook whose only cell has left these outputs."""
    course = course_of(folder, f"# %% tags={tags}\n1\n")
    notebook = learner_notebook(course.lessons[0], course)
    notebook.cells[0].update(outputs=list(outputs), execution_count=1)
    if widgets:
        mime = "application/vnd.jupyter.widget-state+json"
        notebook.metadata.widgets = {mime: {"state": widgets, "version_major": 2, "version_minor": 0}}
    return settle(nbformat.from_dict(notebook), course.lessons[0])


VOLATILE = {
    "address": (v4.new_output("stream", text="<function f at 0x7f12ab34cd56>"), "a memory address, '0x7f12ab34cd56'"),
    "repository": (v4.new_output("stream", text=f"in {ROOT}/data"), "a path of this machine"),
    "home": (v4.new_output("execute_result", {"text/plain": f"'{Path.home()}'"}), "a path of this machine"),
    "colours": (v4.new_output("stream", text="\x1b[31mred"), "terminal colours"),
    "error": (v4.new_output("error", ename="KeyError", evalue="'x'"), "an error, KeyError: 'x'"),
    "stderr": (v4.new_output("stream", name="stderr", text="careful\n"), "stderr text, 'careful'"),
}


@pytest.mark.parametrize(("output", "message"), VOLATILE.values(), ids=VOLATILE.keys())
def test_an_output_that_varies_or_alarms_stops_the_build(tmp_path, output, message):
    with pytest.raises(LessonError, match=rf"00_tiny\.py:2: its output holds {message}"):
        settled(tmp_path, output)


@pytest.mark.parametrize(("output", "message"), VOLATILE.values(), ids=VOLATILE.keys())
def test_the_same_inside_a_widget_stops_the_build(tmp_path, output, message):
    name = "a" * 32
    view = v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": name}})
    with pytest.raises(LessonError, match=f"what a widget shows holds {message}"):
        settled(tmp_path, view, widgets={name: {"state": {"outputs": [output]}}})


@pytest.mark.parametrize(("output", "message"), VOLATILE.values(), ids=VOLATILE.keys())
def test_a_cell_tagged_nbval_ignore_output_keeps_its_count_and_no_output(tmp_path, output, message):
    cell = settled(tmp_path, output, tags='["nbval-ignore-output"]').cells[0]
    assert (cell.execution_count, cell.outputs) == (1, [])


def test_a_picture_without_alt_text_stops_the_build(tmp_path):
    picture = {"image/png": "aGVsbG8="}
    for metadata in ({}, {"image/png": {"alt": " "}}):
        with pytest.raises(LessonError, match=r"00_tiny\.py:2: a picture without alt text"):
            settled(tmp_path, v4.new_output("display_data", picture, metadata=metadata))


def test_alt_texts_of_a_cell_stand_where_the_book_reads_them(tmp_path):
    pictures = [
        v4.new_output("display_data", {"image/png": "aGVsbG8="}, metadata={"image/png": {"alt": alt}})
        for alt in ("A square.", "A circle.")
    ]
    assert settled(tmp_path, *pictures).cells[0].metadata.mystnb.image.alt == "A square. A circle."


def test_consecutive_texts_are_one_output(tmp_path):
    texts = [v4.new_output("stream", text=text) for text in ("a\n", "b\n")]
    value = v4.new_output("execute_result", {"text/plain": "1"})
    outputs = settled(tmp_path, *texts, value, texts[0]).cells[0].outputs
    assert [output.get("text") for output in outputs] == ["a\nb\n", None, "a\n"]


def test_stderr_text_after_other_text_stops_the_build(tmp_path):
    with pytest.raises(LessonError, match="stderr text, 'careful'"):
        settled(tmp_path, v4.new_output("stream", text="1\n"), VOLATILE["stderr"][0])


def test_a_code_cell_that_was_not_executed_stops_the_build(tmp_path):
    course = course_of(tmp_path, "# %%\n")
    with pytest.raises(LessonError, match=r"00_tiny\.py:2: .*not executed"):
        settle(learner_notebook(course.lessons[0], course), course.lessons[0])


# ---- the whole build, on real kernels

WHOLE = """\
# %%
import ipywidgets as widgets
import matplotlib.pyplot as plt
from IPython.display import display
from tqdm.notebook import tqdm

# %%
figure, axes = plt.subplots(figsize=(2, 2))
axes.plot([0, 1])
plt.close(figure)
display(figure, metadata={"image/png": {"alt": "A rising line."}})

# %%
@widgets.interact(x=(0, 3))
def show(x=1):
    print(x)
    display(figure)

# %%
left, right, hidden = (widgets.IntSlider() for _ in range(3))
widgets.jslink((left, "value"), (right, "value"))
left

# %% tags=["nbval-ignore-output"]
for _ in tqdm(range(3)):
    print({"red", "green", "blue"})

# %%
print({"red", "green", "blue"})
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The same lesson built twice, on two kernels: the two notebooks."""
    source = tmp_path_factory.mktemp("source")
    course = course_of(source, WHOLE)
    folders = [tmp_path_factory.mktemp("notebooks") for _ in range(2)]
    for folder in folders:
        build(course.lessons[0], course, folder)
        assert [path.name for path in folder.iterdir()] == ["00_tiny.ipynb"]
    return [folder / "00_tiny.ipynb" for folder in folders]


def test_two_builds_give_the_same_bytes(built):
    assert built[0].read_bytes() == built[1].read_bytes()


def test_the_notebook_says_what_made_it_and_nothing_of_this_machine(built):
    notebook = json.loads(built[0].read_text())
    metadata = notebook["metadata"]
    nbformat.validate(notebook)
    assert sorted(metadata) == ["kernelspec", "language_info", "mmgen", "widgets"]
    assert metadata["mmgen"]["generated_by"] == "tools/lessons"
    assert metadata["mmgen"]["source"] == "notebooks/source/00_tiny.py"
    assert "version" not in metadata["language_info"]
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2, 3, 4, 5, 6]


def test_only_the_widgets_that_an_output_shows_are_stored(built):
    notebook = nbformat.read(built[0], as_version=4)
    state = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state
    assert sorted(state) == [f"widget-{i:03d}" for i in range(len(state))]
    kinds = [widget.model_name for widget in state.values()]
    # interact's slider, box and output; the shown slider, its link and the linked slider; not the hidden, not tqdm's
    assert sorted(kind for kind in kinds if not kind.endswith(("LayoutModel", "StyleModel"))) == [
        *["IntSliderModel"] * 3,
        "LinkModel",
        "OutputModel",
        "VBoxModel",
    ]
    assert not re.search("[0-9a-f]{32}", json.dumps([state, [cell.get("outputs") for cell in notebook.cells]]))


def test_only_the_solutions_notebook_computes(tmp_path):
    show = """
# %%
try:
    print(mean([1, 2]))
except NotImplementedError as error:
    print(error)
"""
    source = "# %%\ncheck = callable\n\n" + EXERCISE + show
    course = course_of(tmp_path, source)
    assert [run.error for run in build(course.lessons[0], course, tmp_path)] == [None, None]
    printed = [
        nbformat.read(tmp_path / name, as_version=4).cells[3].outputs[0].text
        for name in ("00_tiny.ipynb", "solutions/00_tiny.ipynb")
    ]
    assert printed == ["your turn: mean\n", "1.5\n"]


def test_an_interrupted_build_leaves_what_was_there(tmp_path):
    course = course_of(tmp_path, "# %%\n1\n\n# %%\n1 / 0\n")
    (tmp_path / "00_tiny.ipynb").write_text("as before")
    with pytest.raises(LessonError, match="00_tiny, cell 1: ZeroDivisionError: division by zero"):
        build(course.lessons[0], course, tmp_path)
    assert (tmp_path / "00_tiny.ipynb").read_text() == "as before"
    assert not list(tmp_path.glob("*.partial"))


def test_a_solutions_notebook_goes_when_its_lesson_has_no_exercise(tmp_path, monkeypatch):
    monkeypatch.setattr(build_lessons, "all_exercises", dict)
    course = course_of(tmp_path, "# %% [markdown]\n# text\n")
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "00_tiny.ipynb").write_text("of an older lesson")
    main(["--source", str(tmp_path), "--out", str(tmp_path)])
    assert not (tmp_path / "solutions" / "00_tiny.ipynb").exists()
    assert (tmp_path / "00_tiny.ipynb").read_bytes() == to_bytes(
        settle(learner_notebook(course.lessons[0], course), course.lessons[0])
    )


def test_a_name_without_lesson_is_wrong_usage_and_a_broken_rule_a_failed_job(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build_lessons, "all_exercises", dict)
    (tmp_path / "00_tiny.py").write_text("# %% [markdown]\n# $$ a $$\n")
    with pytest.raises(SystemExit, match=r"tools.lessons: .*00_tiny\.py:2: give a displayed equation"):
        main(["--source", str(tmp_path)])
    (tmp_path / "00_tiny.py").write_text("# %%\n1\n")
    with pytest.raises(SystemExit) as exit_:
        main(["01_tiny", "--source", str(tmp_path)])
    assert exit_.value.code == 2
    assert "no lesson 01_tiny; there are 00_tiny" in capsys.readouterr().err
