r"""A lesson's executed notebook and its source go in; the notebook that the book renders comes out.

What it adds is only for the book: references to equations and papers become links, the lesson is shown its place in
the flow of data, and its explorer, which needs a kernel, becomes one that does not (`explorers`).
"""

import html
import re
from collections.abc import Iterable, Mapping
from itertools import groupby

from nbformat import NotebookNode, v4

from mmgen_course.notebooks.register import LessonEntry
from tools.lessons.equations import EQUATION, LABEL, REFERENCE
from tools.lessons.solutions import learner_text
from tools.lessons.source import Cell, Lesson

VIEW = "application/vnd.jupyter.widget-view+json"

MARKER = re.compile(r"^ *# (?:BEGIN|END) SOLUTION\n", re.MULTILINE)
WATCHED = '<p class="watched">In JupyterLab you watch this training: a bar, its losses, and what the model draws.</p>'
NEXT = re.compile(r"^Next: \*\*(\d+)\. ([^*]+)\*\*", re.MULTILINE)


def book_notebook(
    executed: NotebookNode,
    lesson: Lesson,
    numbers: Mapping[str, str],
    papers: Mapping[str, str],
    register: list[LessonEntry],
    repository: str | None,
    explorer: str,
) -> NotebookNode:
    """Return what the book renders of a lesson.

    Args:
        executed: the notebook with its outputs, cell for cell of `lesson`.
        lesson: its source, where equations still have labels.
        numbers: label -> number of every equation of the course.
        papers: plain title -> key of every paper in the bibliography.
        register: all lessons of the course.
        repository: address of the course on a code host, for the launch links; None where it is not published.
        explorer: of the lesson, as HTML.
    """
    still = v4.new_output("display_data", data={"text/html": explorer})
    cells = []
    for node, cell in zip(executed.cells, lesson.cells, strict=True):
        new = v4.new_markdown_cell() if cell.kind == "markdown" else v4.new_code_cell()
        new |= {"id": node.id, "metadata": {k: v for k, v in node.metadata.items() if k in {"tags", "mystnb"}}}
        if cell.kind == "markdown":
            new.source = next_linked(markdown(cell, numbers, papers), register)
        else:
            new |= {"source": MARKER.sub("", node.source), "execution_count": node.execution_count}
            if cell.is_exercise:  # what to write is in sight, the answer below it is folded
                asked = v4.new_code_cell(learner_text(cell), id=f"{node.id}-asked", metadata={"tags": ["exercise"]})
                cells.append(asked)
                new.metadata["mystnb"] = {"code_prompt_show": "Show the solution", "code_prompt_hide": "The solution"}
            new.outputs = [still if VIEW in output.get("data", {}) else output for output in node.outputs]
            if "widgets.watch(" in node.source and not new.outputs:
                new.outputs = [v4.new_output("display_data", data={"text/html": WATCHED})]
        cells.append(new)
    title, _, rest = cells[0].source.partition("\n")
    cells[0].source = f"{title}\n\n{flow(lesson.name, register)}{launch(lesson.name, repository)}\n\n{rest}"
    kept = {k: executed.metadata[k] for k in ("kernelspec", "language_info", "mmgen") if k in executed.metadata}
    return v4.new_notebook(cells=cells, metadata=kept)


def markdown(cell: Cell, numbers: Mapping[str, str], papers: Mapping[str, str]) -> str:
    """Return the Markdown of a cell with its equations as targets and its references as links."""

    def target(equation: re.Match[str]) -> str:
        number = numbers[LABEL.search(equation[0])[1]]  # type: ignore[index]  # the build has seen the label
        shown = LABEL.sub(rf"\\tag{{{number}}}", equation[0])
        return f"({equation_id(number)})=\n{shown}"

    def link(reference: re.Match[str]) -> str:
        number = numbers[reference[1]]
        return f"[({number})](#{equation_id(number)})"

    text = REFERENCE.sub(link, EQUATION.sub(target, cell.text))
    return cite(text, papers) if text.startswith("## References") else text


def equation_id(number: str) -> str:
    """Return the anchor of an equation.

    Example:
        >>> equation_id("7.6")
        'eq-7-6'
    """
    return f"eq-{number.replace('.', '-')}"


def cite(text: str, papers: Mapping[str, str]) -> str:
    """Make a link of each title in italics that stands in the bibliography.

    Example:
        >>> cite("- A. B., *A\\n  Title*, 1999.", {"a title": "b1999"})
        '- A. B., [*A\\n  Title*](#ref-b1999), 1999.'
    """

    def link(title: re.Match[str]) -> str:
        key = papers.get(plain(title[1]))
        return f"[{title[0]}](#ref-{key})" if key else title[0]

    return re.sub(r"\*([^*]+)\*", link, text)


def plain(title: str) -> str:
    """Return a title for comparison: lower case, single spaces, without TeX's braces."""
    return " ".join(title.replace("{", "").replace("}", "").lower().split())


def next_linked(text: str, register: Iterable[LessonEntry]) -> str:
    """Make a link to its lesson of what a lesson names as the next, unless that is still to come.

    Example:
        >>> next_linked("Next: **8. The VAE**, at last.", [LessonEntry("08_vae", "VAE", "Generator", "VAE")])
        'Next: [**8. The VAE**](08_vae.ipynb), at last.'
    """
    names = {entry.number: entry.name for entry in register if not entry.to_come}

    def link(found: re.Match[str]) -> str:
        name = names.get(int(found[1]))
        return f"Next: [**{found[1]}. {found[2]}**]({name}.ipynb)" if name else found[0]

    return NEXT.sub(link, text)


def flow(name: str, register: Iterable[LessonEntry]) -> str:
    """Return the small map of the flow of data, with lesson `name` marked, as HTML; lessons to come have no link."""
    stages = []
    for stage, entries in groupby(register, lambda entry: entry.stage):
        lessons = []
        for entry in entries:
            called = f"{entry.number} {html.escape(entry.label)}"
            here = ' aria-current="page"' if entry.name == name else ""
            link = f'<a href="{entry.name}.html"{here}>{called}</a>'
            lessons.append(f"<em>{called}, to come</em>" if entry.to_come else link)
        stages.append(f"<li><span>{html.escape(stage)}</span>{''.join(lessons)}</li>")
    return f'<nav class="flow" aria-label="You are here"><p>You are here</p><ol>{"".join(stages)}</ol></nav>'


def launch(name: str, repository: str | None) -> str:
    """Return where the lesson can be run, as HTML: JupyterLab on this machine and, where published, Binder and Colab.

    Example:
        >>> "Binder" in launch("07_gan", None), "Binder" in launch("07_gan", "https://github.com/us/course")
        (False, True)
    """
    path = f"notebooks/{name}.ipynb"
    here = f"Work through it: <code>make lab</code>, then <code>{path}</code>"
    terms = 'What a term means stands in the <a href="glossary.html">glossary</a>.'
    if repository is None:
        return f'<p class="launch">{here}. {terms}</p>'
    colab = f"{repository.replace('https://github.com/', 'https://colab.research.google.com/github/')}/blob/main/{path}"
    binder = f"{repository.replace('https://github.com/', 'https://mybinder.org/v2/gh/')}/main?urlpath=lab/tree/{path}"
    first = f"<code>%pip install git+{repository}</code>"
    elsewhere = f'<a href="{binder}">Binder</a>, or <a href="{colab}">Colab</a>, where {first} comes first'
    return f'<p class="launch">{here}; on {elsewhere}. {terms}</p>'
