"""Lesson sources (notebooks/source/NN_name.py) go in; executed notebooks come out, the same bytes on every run.

- notebooks/NN_name.ipynb, the learner's, with every exercise undone;
- notebooks/solutions/NN_name.ipynb, with every exercise done, where the lesson has one.

The cells of both carry nbgrader's metadata: JupyterLab validates the first, `nbgrader generate_assignment` takes the
second.

    python -m tools.lessons [NAMES] [--out DIR]

Nothing is written of a lesson that breaks a rule of `source` (sizes of cells), `solutions` (markers), `grades`
(exercises and their checks), `equations` (labels) or `outputs` (what may be stored), or whose learner's notebook holds
a solution.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode, v4
from tqdm import tqdm

from mmgen_course.data.atomic import replacing
from mmgen_course.exercises import Exercise, all_exercises
from mmgen_course.notebooks.run import ROOT, NotebookRun, execute
from tools.lessons.equations import labels, number_equations, numbered
from tools.lessons.grades import check_lessons, grading
from tools.lessons.outputs import settle, strings, to_bytes
from tools.lessons.solutions import check_markers, learner_text, solution_lines
from tools.lessons.source import Lesson, LessonError, read_lesson

NEW_CELL = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell, "raw": v4.new_raw_cell}


@dataclass(frozen=True)
class Course:
    """All lessons, with what one of them must know of the others.

    Attributes:
        lessons: in their order.
        equations: label -> number.
        solutions: line of a solution -> its place; none may stand in a learner's notebook.
        grading: name of a lesson -> place of a cell -> its nbgrader metadata.
    """

    lessons: list[Lesson]
    equations: dict[str, str]
    solutions: dict[str, str]
    grading: dict[str, dict[int, dict]]


def read_course(folder: Path, exercises: Mapping[str, Exercise] | None = None) -> Course:
    """Read and check every lesson of `folder`: equations and solutions of one concern the others.

    Args:
        folder: of the sources.
        exercises: what `check` knows, by name; None for those of the course.
    """
    exercises = all_exercises() if exercises is None else exercises
    lessons = [read_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]
    for lesson in lessons:
        for cell in lesson.cells:
            check_markers(cell)
    check_lessons(lessons, exercises)
    grades = {lesson.name: grading(lesson, exercises) for lesson in lessons}
    course = Course(lessons, number_equations(lessons), solution_lines(lessons), grades)
    for lesson in lessons:
        check_leaks(learner_notebook(lesson, course), lesson, course)
    return course


def learner_notebook(lesson: Lesson, course: Course) -> NotebookNode:
    """Return the notebook with its exercises undone, not yet executed."""
    return _notebook(lesson, [learner_text(cell) for cell in lesson.cells], course)


def solution_notebook(lesson: Lesson, course: Course) -> NotebookNode:
    """Return the notebook with its exercises done, not yet executed; the book folds the solutions."""
    notebook = _notebook(lesson, [cell.text for cell in lesson.cells], course)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.metadata = {**cell.metadata, "tags": [*cell.metadata["tags"], "hide-input"]}
    return notebook


def _notebook(lesson: Lesson, texts: list[str], course: Course) -> NotebookNode:
    notebook = v4.new_notebook()
    for i, (cell, text) in enumerate(zip(lesson.cells, texts, strict=True)):
        source = numbered(cell, text, course.equations)
        graded = {"nbgrader": course.grading[lesson.name][i]} if i in course.grading[lesson.name] else {}
        node = NEW_CELL[cell.kind](source, metadata=cell.metadata | graded, id=f"{lesson.name}-{i:03d}")
        notebook.cells.append(node)
    notebook.metadata = {
        "mmgen": {
            "generated_by": "tools/lessons",
            "source": f"notebooks/source/{lesson.name}.py",
            "equations": {label: course.equations[label] for cell in lesson.cells for label in labels(cell)},
        }
    }
    return notebook


def check_leaks(notebook: NotebookNode, lesson: Lesson, course: Course) -> None:
    """Raise LessonError if a line of any solution stands in a learner's notebook, be it in an output."""
    text = "\n".join(" ".join(string.split()) for string in strings(notebook))
    for line, place in course.solutions.items():
        if line in text:
            problem = f"this line of a solution also stands in the learner's {lesson.name}: {line!r}; reword one"
            raise LessonError(f"{place}: {problem}")


def build(lesson: Lesson, course: Course, out: Path) -> list[NotebookRun]:
    """Execute `lesson`, write its notebooks to `out`, and return the learner's run and the solutions' if any."""
    unrun = {out / f"{lesson.name}.ipynb": learner_notebook(lesson, course)}
    solutions = out / "solutions" / f"{lesson.name}.ipynb"
    if lesson.has_solutions:
        unrun[solutions] = solution_notebook(lesson, course)
    runs = {path: _run(notebook, lesson) for path, notebook in unrun.items()}
    settled = {path: settle(run.notebook, lesson) for path, run in runs.items()}
    check_leaks(settled[out / f"{lesson.name}.ipynb"], lesson, course)
    solutions.unlink(missing_ok=True)  # of a lesson that has lost its exercises
    for path, notebook in settled.items():
        _write(path, to_bytes(notebook))
    return list(runs.values())


def _run(notebook: NotebookNode, lesson: Lesson) -> NotebookRun:
    run = execute(notebook, lesson.name)
    if run.error:
        raise LessonError(f"notebooks/source/{run.error}")
    return run


def _write(path: Path, content: bytes) -> None:
    """Write all of `content` or, when interrupted, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)


def main(arguments: list[str] | None = None) -> None:
    """Build the lessons that the command line names, or all; exit 1 where a lesson breaks a rule."""
    parser = argparse.ArgumentParser(description="Build notebooks/*.ipynb from notebooks/source/*.py.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="for example 01_images; without any, all lessons")
    parser.add_argument("--source", type=Path, default=ROOT / "notebooks" / "source", help="folder of the sources")
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks", help="folder of the notebooks")
    options = parser.parse_args(arguments)
    try:
        course = read_course(options.source)
        names = [lesson.name for lesson in course.lessons]
        if unknown := set(options.names) - set(names):
            parser.error(f"no lesson {', '.join(sorted(unknown))}; there are {', '.join(names) or 'none'}")
        chosen = [lesson for lesson in course.lessons if lesson.name in (options.names or names)]
        with tqdm(chosen, unit="lesson") as progress:
            for lesson in progress:
                progress.set_description(lesson.name)
                build(lesson, course, options.out)
    except LessonError as error:
        sys.exit(f"tools.lessons: {error}")
