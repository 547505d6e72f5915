"""A notebook goes in; the hash of each thing that its outputs depend on comes out: a lesson is executed if one changed.

What a lesson's outputs depend on: its code cells, every module of the course that they import (and what those import),
its exercises, the data that ship, the pinned packages, and the code that executes lessons. The imports are read, not
run. Prose is not among them.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "mmgen_course"
CODE = "its code cells"
# what the outputs of every lesson depend on; the modules among them with all that they import
EVERYTHING = ["data/registry.txt", "requirements.txt"]
EXECUTION = ["tools/lessons/build.py", "tools/lessons/grades.py", "tools/lessons/outputs.py"]


def inputs(notebook: NotebookNode, name: str, root: Path = ROOT) -> dict[str, str]:
    """Map what the outputs of lesson `name` depend on to its hash; `notebook` is the one to be executed.

    Args:
        notebook: not yet executed; its code cells are hashed by text and tags.
        name: NN_name, which says whose exercises belong to it.
        root: of the repository.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code = [(cell.source, cell.metadata.get("tags", [])) for cell in cells]
    needed = {file for cell in cells for file in imported(cell.source, "", root)}
    exercises = f"{PACKAGE}/exercises/lessons/lesson_{name[:2]}"
    own = [*root.glob(f"{exercises}*.py"), *root.glob(f"{exercises}/**/*.py")]
    roots = [*needed, *own, *(root / one for one in EXECUTION)]
    files = [*(root / one for one in EVERYTHING), *with_imports(roots, root)]
    return {CODE: _hash(json.dumps(code).encode())} | {_relative(file, root): _hash_of(file) for file in sorted(files)}


def outputs(notebook: NotebookNode) -> str:
    """Return the hash of all that an execution left in a notebook, so that one changed by hand is known."""
    cells = [cell | {"id": ""} for cell in notebook.cells if cell.cell_type == "code"]
    return _hash(json.dumps([cells, notebook.metadata.get("widgets")], sort_keys=True).encode())


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name what is another thing now, or is there no more, or was not there.

    Example:
        >>> changed({"a.py": "1", "b.py": "2", "c.py": "3"}, {"a.py": "1", "b.py": "4", "d.py": "5"})
        ['b.py', 'c.py', 'd.py']
    """
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def with_imports(files: Iterable[Path], root: Path) -> set[Path]:
    """Add to `files` each file of the package that they import, and what those import."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            package = ".".join(file.relative_to(root).parts[:-1])
            waiting += imported(_text(file), package, root)
    return found


def imported(code: str, package: str, root: Path) -> set[Path]:
    """Return the files of the package that a code imports anywhere, the __init__ of each folder on the way included.

    What is no plain Python, as `%timeit`, may import anything: all files of the package are returned.

    Args:
        code: Python.
        package: where it stands, such as mmgen_course.fusion: relative imports begin there.
        root: of the repository.

    Example:
        >>> sorted(file.name for file in imported("from mmgen_course.data import atomic", "", ROOT))
        ['__init__.py', '__init__.py', 'atomic.py']
    """
    names = _imports(code, package)
    if names is None:
        return set((root / PACKAGE).rglob("*.py"))
    return {file for name in names if name.split(".")[0] == PACKAGE for file in _files(name, root)}


@cache
def _imports(code: str, package: str) -> list[str] | None:
    """Return the full name of each module that may be imported in a code, or None if it is no plain Python."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names


def _files(module: str, root: Path) -> list[Path]:
    """Return the files that run when `module` is imported; a last name that is no module stands in the one before."""
    parts = module.split(".")
    folders = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    files = [folder / "__init__.py" for folder in folders] + [folders[-1].with_suffix(".py")]
    return [file for file in files if file.exists()]


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _hash_of(file: Path) -> str:
    return _hash(file.read_bytes().replace(b"\r\n", b"\n"))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
