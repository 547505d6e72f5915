"""An executed notebook goes in; the same bytes on every run come out, or LessonError says what prevents it.

Rules for what a cell leaves behind:
- Of a cell tagged `nbval-ignore-output` (progress bars, timings) only the execution count is stored.
- Every other output is stored, so it must not vary: no address, path of this machine, colour, error or stderr.
- A picture carries its alt text in its display metadata; the book reads it from the cell's.
- Widgets are named by order of appearance; those that no stored output shows are not stored.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from mmgen_course.notebooks.run import ROOT
from tools.lessons.source import Cell, Lesson, LessonError

IGNORED = "nbval-ignore-output"
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_NAME = re.compile("[0-9a-f]{32}")

VOLATILE = {
    "a memory address": re.compile(r"0x[0-9a-fA-F]{8,}"),
    "a path of this machine": re.compile(
        rf"{re.escape(str(ROOT))}|(?<![\w.]){re.escape(str(Path.home()))}(?!\w)|ipykernel_\d+"
    ),
    "terminal colours": re.compile("\x1b\\["),
}


def settle(notebook: NotebookNode, lesson: Lesson) -> NotebookNode:
    """Return the executed notebook of `lesson` with only what is the same on every run."""
    for node, cell in zip(notebook.cells, lesson.cells, strict=True):
        if node.cell_type != "code":
            continue
        if node.execution_count is None:
            raise cell.error("this code cell was not executed; remove it, or the tag that skips it")
        ignored = IGNORED in node.metadata.get("tags", [])
        node.outputs = [] if ignored else _merge_streams(node.outputs)
        for problem in _problems(node.outputs):
            raise cell.error(f"its output holds {problem}; mend it, or tag the cell {IGNORED}")
        if alts := _alt_texts(node, cell):
            node.metadata["mystnb"] = {"image": {"alt": " ".join(alts)}}
    notebook.metadata.update(KERNEL)  # the executed one names its release of Python
    if "widgets" not in notebook.metadata:
        return notebook
    _keep_shown_widgets(notebook)
    for problem in _problems(notebook.metadata.widgets):
        raise LessonError(f"{lesson.cells[0].path}:1: what a widget shows holds {problem}; mend it")
    return _rename_widgets(notebook)


def to_bytes(notebook: NotebookNode) -> bytes:
    """Return the notebook as JSON: keys sorted, indented by one, a newline at the end."""
    return (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode()


def strings(node: object) -> Iterator[str]:
    """Yield every string of a JSON tree but the payloads of pictures and buffers."""
    if isinstance(node, str):
        yield node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []
    for key, child in children:
        if not (isinstance(key, str) and (key.startswith("image/") or key == "buffers")):
            yield from strings(child)


def _merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    merged: list[NotebookNode] = []
    for output in outputs:
        if merged and output.output_type == merged[-1].output_type == "stream" and output.name == merged[-1].name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _problems(tree: object) -> Iterator[str]:
    """Yield what in a tree of outputs would differ from run to run, or must not be shown to a learner."""
    for output in _outputs(tree):
        if output["output_type"] == "error":
            yield f"an error, {output['ename']}: {output['evalue']}"
        if output.get("name") == "stderr":
            yield f"stderr text, {output['text'].strip()!r}"
    for text in strings(tree):
        for problem, pattern in VOLATILE.items():
            if match := pattern.search(text):
                yield f"{problem}, {match[0]!r}"


def _outputs(node: object) -> Iterator[dict]:
    """Yield the outputs in a tree, those that an Output widget has captured included."""
    if isinstance(node, dict) and "output_type" in node:
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _outputs(child)


def _alt_texts(node: NotebookNode, cell: Cell) -> list[str]:
    """Return the alt text of each picture that a cell displays."""
    alts = []
    for output in node.outputs:
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                alt = output.metadata.get(kind, {}).get("alt", "").strip()
                if not alt:
                    raise cell.error(
                        f'a picture without alt text; display it with metadata={{"{kind}": {{"alt": ...}}}}'
                    )
                alts.append(alt)
    return alts


def _keep_shown_widgets(notebook: NotebookNode) -> None:
    """Drop the widgets that no chain of references ties to a stored output."""
    state = notebook.metadata.widgets[WIDGET_STATE].state
    tied: dict[str, set[str]] = {name: set() for name in state}
    for name, model in state.items():
        for other in state.keys() & _widget_names(model):
            tied[name].add(other)
            tied[other].add(name)  # a link names its two widgets, they do not name it
    shown: set[str] = set()
    new = state.keys() & _widget_names([cell.get("outputs") for cell in notebook.cells])
    while new:
        shown |= new
        new = set().union(*(tied[name] for name in new)) - shown
    notebook.metadata.widgets[WIDGET_STATE].state = {name: state[name] for name in state if name in shown}


def _rename_widgets(notebook: NotebookNode) -> NotebookNode:
    """Replace the random name of each widget by its place in the order of appearance."""
    state = notebook.metadata.widgets[WIDGET_STATE].state
    new_names: dict[str, str] = {}
    for name in _widget_names([notebook.cells, notebook.metadata]):
        if name in state:
            new_names.setdefault(name, f"widget-{len(new_names):03d}")
    text = WIDGET_NAME.sub(lambda name: new_names.get(name[0], name[0]), json.dumps(notebook))
    return nbformat.from_dict(json.loads(text))


def _widget_names(tree: object) -> list[str]:
    """Return whatever looks like the name of a widget in a JSON tree, in its order."""
    return WIDGET_NAME.findall(json.dumps(tree))
