"""Lesson sources (notebooks/source/NN_name.py) go in; executed notebooks come out, the same bytes on every run.

- notebooks/NN_name.ipynb, the learner's, with every exercise undone;
- notebooks/solutions/NN_name.ipynb, with every exercise done, where the lesson has one.

The cells of both carry nbgrader's metadata: JupyterLab validates the first, `nbgrader generate_assignment` takes the
second.

    python -m tools.lessons [NAMES] [--force] [--out DIR]

A lesson is executed only if something changed that its outputs depend on (`inputs` lists it, and the notebook keeps
the hashes). Otherwise the outputs stay, and the prose around them is written anew: the same bytes in seconds.

Nothing is written of a lesson that breaks a rule of `source` (sizes of cells), `solutions` (markers), `grades`
(exercises and their checks), `equations` (labels) or `outputs` (what may be stored), or whose learner's notebook holds
a solution.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode, from_dict, v4

from mmgen_course.data.atomic import replacing
from mmgen_course.notebooks.run import ROOT, NotebookRun, execute
from tools.lessons.equations import labels, number_equations, numbered
from tools.lessons.grades import check_lessons, grading
from tools.lessons.inputs import changed, inputs, outputs
from tools.lessons.outputs import settle, strings, to_bytes
from tools.lessons.solutions import check_markers, learner_text, solution_lines
from tools.lessons.source import Lesson, LessonError, read_lesson

if TYPE_CHECKING:
    from mmgen_course.exercises import Exercise

NEW_CELL = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell, "raw": v4.new_raw_cell}


@dataclass(frozen=True)
class Course:
    """All lessons, with what one of them must know of the others.

    Attributes:
        lessons: in their order.
        equations: label -> number.
        solutions: line of a solution -> its place; none may stand in a learner's notebook.
        grading: name of a lesson -> place of a cell -> its nbgrader metadata, which concerns who executes it alone.
    """

    lessons: list[Lesson]
    equations: dict[str, str]
    solutions: dict[str, str]
    grading: dict[str, dict[int, dict]]


def read_course(folder: Path, exercises: "Mapping[str, Exercise] | None" = None) -> Course:
    """Read and check every lesson of `folder`: equations and solutions of one concern the others.

    Args:
        folder: of the sources.
        exercises: what `check` knows, by name; None for those of the course.
    """
    if exercises is None:
        from mmgen_course.exercises import all_exercises  # here, because it loads torch

        exercises = all_exercises()
    course = read_prose(folder)
    check_lessons(course.lessons, exercises)
    return replace(course, grading={lesson.name: grading(lesson, exercises) for lesson in course.lessons})


def read_prose(folder: Path) -> Course:
    """Read and check every lesson as far as that can be done without its exercises: `grading` stays empty."""
    lessons = [read_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]
    for lesson in lessons:
        for cell in lesson.cells:
            check_markers(cell)
    course = Course(lessons, number_equations(lessons), solution_lines(lessons), {})
    for lesson in lessons:
        check_leaks(learner_notebook(lesson, course), lesson, course)
    return course


def learner_notebook(lesson: Lesson, course: Course) -> NotebookNode:
    """Return the notebook with its exercises undone, not yet executed."""
    return _notebook(lesson, [learner_text(cell) for cell in lesson.cells], course)


def solution_notebook(lesson: Lesson, course: Course) -> NotebookNode:
    """Return the notebook with its exercises done, not yet executed; the book folds the solutions."""
    notebook = _notebook(lesson, [cell.text for cell in lesson.cells], course)
    for node, cell in zip(notebook.cells, lesson.cells, strict=True):
        if cell.is_exercise:
            node.metadata = {**node.metadata, "tags": [*node.metadata["tags"], "hide-input"]}
    return notebook


def _notebook(lesson: Lesson, texts: list[str], course: Course) -> NotebookNode:
    notebook = v4.new_notebook()
    for i, (cell, text) in enumerate(zip(lesson.cells, texts, strict=True)):
        source = numbered(cell, text, course.equations)
        grades = course.grading.get(lesson.name, {})
        graded = {"nbgrader": grades[i]} if i in grades else {}
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


def notebooks(lesson: Lesson, course: Course, out: Path) -> dict[Path, NotebookNode]:
    """Map the place of each notebook of `lesson` in `out` to what is to be executed there, the learner's first."""
    unrun = {out / f"{lesson.name}.ipynb": learner_notebook(lesson, course)}
    if lesson.has_solutions:
        unrun[out / "solutions" / f"{lesson.name}.ipynb"] = solution_notebook(lesson, course)
    return unrun


def build(lesson: Lesson, course: Course, out: Path) -> list[NotebookRun]:
    """Execute `lesson`, write its notebooks to `out`, and return the learner's run and the solutions' if any."""
    unrun = notebooks(lesson, course, out)
    runs = {path: _run(notebook, lesson) for path, notebook in unrun.items()}
    settled = {path: settle(run.notebook, lesson) for path, run in runs.items()}
    check_leaks(settled[out / f"{lesson.name}.ipynb"], lesson, course)
    for path, notebook in settled.items():
        made = {"inputs": inputs(unrun[path], lesson.name), "outputs": outputs(notebook)}
        _write(path, _with_mmgen(notebook, made=made))
    _remove_lost_solutions(lesson, out)
    return list(runs.values())


def reasons(lesson: Lesson, course: Course, out: Path) -> list[str]:
    """Say why `lesson` must be executed; an empty list: the outputs of its notebooks in `out` are right as they are."""
    found: list[str] = []
    for path, unrun in notebooks(lesson, course, out).items():
        kept = _kept(path) if path.exists() else v4.new_notebook()
        made = kept.metadata.get("mmgen", {}).get("made")
        if made is None:
            found.append(f"{path.relative_to(out)} was not built")
        elif made["outputs"] != outputs(kept):
            found.append(f"{path.relative_to(out)} was changed by hand")
        else:
            found += changed(made["inputs"], inputs(unrun, lesson.name))
    return list(dict.fromkeys(found))


def rewrite(lesson: Lesson, course: Course, out: Path) -> bool:
    """Write the prose of `lesson` anew around the outputs that its notebooks hold; tell whether a notebook changed."""
    differs = False
    for path, notebook in notebooks(lesson, course, out).items():
        kept = _kept(path)
        done = (cell for cell in kept.cells if cell.cell_type == "code")
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(next(done), id=cell.id)
        notebook.metadata = {**kept.metadata, **notebook.metadata}
        notebook = _with_mmgen(notebook, made=kept.metadata.mmgen.made)
        if path == out / f"{lesson.name}.ipynb":
            check_leaks(notebook, lesson, course)
        if notebook != kept:
            _write(path, notebook)
            differs = True
    _remove_lost_solutions(lesson, out)
    return differs


def _kept(path: Path) -> NotebookNode:
    """Read a notebook that was built; nbformat's own reading validates it once more, which takes longer."""
    return v4.reads(path.read_text(encoding="utf-8"))


def _with_mmgen(notebook: NotebookNode, **more: object) -> NotebookNode:
    """Return the notebook with more said of how it was made."""
    return from_dict({**notebook, "metadata": {**notebook.metadata, "mmgen": {**notebook.metadata["mmgen"], **more}}})


def _remove_lost_solutions(lesson: Lesson, out: Path) -> None:
    """Remove the solutions notebook of a lesson that has lost its exercises."""
    if not lesson.has_solutions:
        (out / "solutions" / f"{lesson.name}.ipynb").unlink(missing_ok=True)


def _run(notebook: NotebookNode, lesson: Lesson) -> NotebookRun:
    run = execute(notebook, lesson.name)
    if run.error:
        raise LessonError(f"notebooks/source/{run.error}")
    return run


def _write(path: Path, notebook: NotebookNode) -> None:
    """Write all of a notebook or, when interrupted, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(to_bytes(notebook))


def main(arguments: list[str] | None = None, exercises: "Mapping[str, Exercise] | None" = None) -> None:
    """Build the lessons that the command line names, or all; exit 1 where a lesson breaks a rule."""
    parser = argparse.ArgumentParser(description="Build notebooks/*.ipynb from notebooks/source/*.py.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="for example 01_images; without any, all lessons")
    parser.add_argument("--force", action="store_true", help="execute them, whether or not anything changed")
    parser.add_argument("--source", type=Path, default=ROOT / "notebooks" / "source", help="folder of the sources")
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks", help="folder of the notebooks")
    options = parser.parse_args(arguments)
    try:
        course = read_prose(options.source)
        names = [lesson.name for lesson in course.lessons]
        if unknown := set(options.names) - set(names):
            parser.error(f"no lesson {', '.join(sorted(unknown))}; there are {', '.join(names) or 'none'}")
        chosen = [lesson for lesson in course.lessons if lesson.name in (options.names or names)]
        why = {one.name: ["--force"] if options.force else reasons(one, course, options.out) for one in chosen}
        for lesson in chosen:
            if not why[lesson.name] and rewrite(lesson, course, options.out):
                print(f"{lesson.name}: prose only", flush=True)
        to_execute = [lesson for lesson in chosen if why[lesson.name]]
        if to_execute:
            course = read_course(options.source, exercises)
        for lesson in to_execute:
            print(f"{lesson.name}: executed, because of {_few(why[lesson.name])}", flush=True)
            build(lesson, course, options.out)
    except LessonError as error:
        sys.exit(f"tools.lessons: {error}")


def _few(reasons: list[str], most: int = 3) -> str:
    """Name the first reasons, and count the others.

    Example:
        >>> _few(["a", "b"]), _few(["a", "b", "c", "d", "e"])
        ('a, b', 'a, b, c and 2 more')
    """
    more = f" and {len(reasons) - most} more" if len(reasons) > most else ""
    return ", ".join(reasons[:most]) + more
