"""The explorer of a lesson goes in; every picture that it can show in the book, where no kernel runs, comes out.

Of the lesson only the statements that its explorer needs are executed. A control that has too many values for the book
has those of book/explorers.yml; a line to type in becomes a list to choose from.
"""

import ast
import contextlib
import hashlib
import html
import io
import itertools
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ipywidgets
import matplotlib as mpl
import PIL.Image
import torch
import yaml
from matplotlib.figure import Figure
from nbformat import NotebookNode
from torch import Tensor
from tqdm import tqdm

from mmgen_course import show, widgets
from mmgen_course.data.atomic import replacing
from mmgen_course.notebooks.cells import Statement, statements
from mmgen_course.notebooks.run import ENVIRONMENT, ROOT
from tools.book.cache import stamp
from tools.budget import spent

VALUES: dict[str, dict[str, list[Any]]] = yaml.safe_load((ROOT / "book" / "explorers.yml").read_text(encoding="utf-8"))
KINDS: dict[Any, str] = {
    ipywidgets.Checkbox: "switch",
    ipywidgets.Text: "typed",
    ipywidgets.Dropdown: "list",
    ipywidgets.IntSlider: "scale",
    ipywidgets.FloatSlider: "scale",
}
CALL, PANEL = "widgets.explorer(", "the_explorer"
CHANGING = {"add", "append", "backward", "clear", "eval", "extend", "insert", "load_state_dict", "pop", "remove"}
CHANGING |= {"setdefault", "step", "train", "update"}
GENERATOR = "generator"  # of random numbers, as every lesson calls it
WIDTH = 800  # of a figure in the book, in pixels at most
NOTE = "In JupyterLab the same controls have more values{typing}; here every picture was drawn beforehand."


def draw_all(notebooks: Mapping[str, NotebookNode], cache: Path) -> dict[str, Path]:
    """Draw the explorers of executed notebooks, two at a time, where `cache` does not have them yet.

    Returns:
        Name of a lesson -> folder with its pictures and frames.json (see `frames`).
    """
    codes = {name: _code(notebook) for name, notebook in notebooks.items()}
    folders = {name: cache / f"{name}-{stamp(code, VALUES.get(name))}" for name, code in codes.items()}
    # the later lessons take longer: they begin, so that neither process waits for them at the end
    undrawn = {name: folder for name, folder in reversed(folders.items()) if not folder.exists()}
    if undrawn:
        cache.mkdir(parents=True, exist_ok=True)
        os.environ.update(ENVIRONMENT)
        context = multiprocessing.get_context("forkserver")
        # PyTorch is imported once, with what its optimisers and torchvision would import in each process for seconds
        context.set_forkserver_preload(["tools.book.explorers", "mmgen_course.pipeline", "torch._dynamo"])
        with ProcessPoolExecutor(2, context, max_tasks_per_child=1) as pool:
            drawn = pool.map(draw, undrawn, [codes[name] for name in undrawn], undrawn.values())
            list(tqdm(drawn, "explorers", len(undrawn)))
    for old in set(cache.iterdir()) - set(folders.values()):
        shutil.rmtree(old)
    return folders


def _code(notebook: NotebookNode) -> list[str]:
    """The code of a lesson up to its explorer; later cells may give other values to the same names."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    last = max(place for place, source in enumerate(cells) if CALL in source)
    return [*cells[:last], cells[last].replace(CALL, f"{PANEL} = {CALL}")]


def draw(name: str, code: list[str], folder: Path) -> None:
    """Execute what the explorer of a lesson needs, and write every picture that it shows into `folder`."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.chdir(ROOT / "notebooks")
    asked: dict[str, Any] = {}

    def catch(function: Any, **controls: ipywidgets.ValueWidget) -> None:
        asked.update(function=function, controls=controls)

    space: dict[str, Any] = {}
    with patch.object(widgets, "explorer", catch), contextlib.redirect_stdout(io.StringIO()):
        for statement in _needed(list(_changing(statements(code)[0])), PANEL):
            exec(compile(statement.tree, f"{name}, cell {statement.cell}", "exec"), space)
    with replacing(folder) as partial:
        partial.mkdir()
        before = time.process_time()
        made = frames(asked["function"], asked["controls"], VALUES.get(name, {}), partial)
        spent("explorer", name, (time.process_time() - before) / len(made["frames"]))
        (partial / "frames.json").write_text(json.dumps(made), encoding="utf-8")


def _needed(found: list[Statement], name: str) -> list[Statement]:
    """The statements that bind or change `name` and all that it needs, in their order.

    Fewer than the grader's slice (`mmgen_course.notebooks.slices`), which must hold for whatever people write: a lesson
    is ours, and a test compares each explorer's picture with the executed notebook's.
    """
    imported = frozenset().union(*(s.binds for s in found if s.imports))
    wanted, names, grown = set(), {name}, True
    while grown:
        grown = False
        for place, statement in enumerate(found):
            bound = statement.binds if not isinstance(statement.tree.body[0], ast.Expr) else statement.binds - imported
            if place not in wanted and bound & names:
                wanted.add(place)
                names |= statement.uses
                grown = True
    return [found[place] for place in sorted(wanted)]


def _changing(found: list[Statement]) -> Iterator[Statement]:
    """The statements of a lesson, each with the names of objects that it changes anywhere inside, not only on top.

    A picture of an explorer depends on them, above all on what was drawn before from the same generator of random
    numbers.
    """
    imported = frozenset().union(*(statement.binds for statement in found if statement.imports))
    definitions = [one for one in found if isinstance(one.tree.body[0], ast.FunctionDef | ast.ClassDef)]
    drawing = {GENERATOR}  # and the functions that draw from it, or call one that does
    while more := {name for one in definitions if one.uses & drawing for name in one.binds} - drawing:
        drawing |= more
    for statement in found:
        if statement in definitions:
            yield statement
            continue
        changed = {GENERATOR} if statement.uses & drawing else set()
        if isinstance(statement.tree.body[0], ast.Expr) and isinstance(call := statement.tree.body[0].value, ast.Call):
            changed.add(_name(call.func) if isinstance(call.func, ast.Attribute) else "")
        for node in ast.walk(statement.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in CHANGING or node.func.attr[-1] == "_":
                    changed.add(_name(node.func.value))
            elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
                changed.add(_name(node))
        yield replace(statement, binds=statement.binds | (changed - imported))


def _name(node: ast.expr) -> str:
    """Of the object that an expression such as `a.b[0]` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def frames(
    function: Any, controls: Mapping[str, ipywidgets.ValueWidget], values: Mapping[str, Sequence[Any]], folder: Path
) -> dict[str, Any]:
    """Write a picture for every choice of the controls into `folder`.

    Args:
        function: what the explorer draws with, as `widgets.explorer` takes it.
        controls: likewise.
        values: name of a control -> its values in the book, the one that it starts with among them; without any,
            all that it has.
        folder: for the pictures; equal ones are written once.

    Returns:
        "controls": of each its label, kind (of `KINDS`), values as the reader sees them, and the place
        of the first; "scaling" of the pictures; "frames": places of the chosen values, joined by "-" -> name of the
        picture, null where it stays as it is, and the sentence below it.

    Raises:
        ValueError: a control does not start with one of its values.
    """
    chosen = {name: list(values.get(name) or _values(control)) for name, control in controls.items()}
    described = []
    for name, control in controls.items():
        if control.value not in chosen[name]:
            raise ValueError(f"{name} starts with {control.value!r}, which is none of its values {chosen[name]}")
        kind = next(kind for widget, kind in KINDS.items() if isinstance(control, widget))
        shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in chosen[name]]
        start = chosen[name].index(control.value)
        described.append({"label": control.description, "kind": kind, "values": shown, "start": start})
    found: dict[str, tuple[str | None, str]] = {}
    scaling = "auto"
    for places in itertools.product(*(range(len(each)) for each in chosen.values())):
        given = {name: chosen[name][place] for name, place in zip(chosen, places, strict=True)}
        file = None
        try:
            with mpl.rc_context(show.STYLE):  # as widgets.explorer does
                drawn, said = function(**given)
        except ValueError as error:
            said = str(error)
        else:
            scaling = "auto" if isinstance(drawn, Figure) else "pixelated"
            data = _webp(drawn)
            file = f"{hashlib.sha256(data).hexdigest()[:16]}.webp"
            (folder / file).write_bytes(data)
        found["-".join(map(str, places))] = file, said
    return {"controls": described, "scaling": scaling, "frames": found}


def _values(control: ipywidgets.ValueWidget) -> Iterable[Any]:
    if isinstance(control, ipywidgets.Checkbox):
        return (False, True)
    if isinstance(control, ipywidgets.IntSlider):
        return range(control.min, control.max + 1, control.step)
    return control.options


def _webp(drawn: Tensor | Figure) -> bytes:
    """A picture as a WebP file: an image pixel for pixel, a figure as wide as the page."""
    lossless = not isinstance(drawn, Figure)
    data = show.png(drawn) if isinstance(drawn, Figure) else show.image_png(drawn)
    picture = PIL.Image.open(io.BytesIO(data)).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), PIL.Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=lossless, quality=80)
    return file.getvalue()


def explorer_html(made: Mapping[str, Any], folder: str) -> str:
    """An explorer as HTML for `explorer.js`: its controls, the picture that it starts with, and a table of the others.

    Args:
        made: what `frames` returned.
        folder: of the pictures, as the page sees it.
    """
    typed = any(control["kind"] == "typed" for control in made["controls"])
    note = NOTE.format(typing=", and you type what you like" if typed else "")
    first, said = start(made)
    controls = "".join(_control(control) for control in made["controls"])
    alt = html.escape(f"{', '.join(_set(control) for control in made['controls'])}: {said}")
    picture = f'<img src="{folder}/{first}" alt="{alt}" style="image-rendering: {made["scaling"]}">'
    table = json.dumps({"folder": folder, "frames": made["frames"]})
    return (
        f'<figure class="explorer" data-frames="{html.escape(table)}"><figcaption>{note}</figcaption>{controls}'
        f'{picture}<p role="status">{html.escape(said)}</p></figure>'
    )


def start(made: Mapping[str, Any]) -> tuple[str, str]:
    """Name of the picture that an explorer starts with, and the sentence below it."""
    return made["frames"]["-".join(str(control["start"]) for control in made["controls"])]


def _set(control: Mapping[str, Any]) -> str:
    """A control and what it starts with, in words: they are in the alt text, for a sentence may fit two pictures."""
    value = control["values"][control["start"]]
    return f"{control['label']} {('off', 'on')[control['start']] if control['kind'] == 'switch' else value}"


def _control(control: Mapping[str, Any]) -> str:
    values, start = control["values"], control["start"]
    if control["kind"] == "switch":
        checked = " checked" if start else ""
        shown = f'<input type="checkbox"{checked}>'
    elif control["kind"] == "scale":
        shown = f'<input type="range" min="0" max="{len(values) - 1}" value="{start}" aria-valuetext="{values[start]}"'
        shown += (
            f' data-values="{html.escape(json.dumps(values))}"> <output aria-hidden="true">{values[start]}</output>'
        )
    else:
        options = "".join(
            f"<option{' selected' if place == start else ''}>{html.escape(value)}</option>"
            for place, value in enumerate(values)
        )
        shown = f"<select>{options}</select>"
    return f'<label class="control"><span>{html.escape(control["label"])}</span> {shown}</label>'
