"""Slices a notebook: of all its cells, the statements that one function needs.

A lesson trains and draws for a minute; an answer needs an import or two, and perhaps a helper from another cell. So not
every cell runs: only the statements that bind a name which the function uses, which these statements use, and so on.
"""

import ast
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

MEASURING = {"time", "capture", "prun"}  # cell magics whose body is Python of the notebook


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell.

    Attributes:
        cell: number of the code cell, from 1.
        tree: of the statement alone.
        binds, uses: names of the notebook that it gives a value, or changes; that it needs.
        imports: whether all that it does is to import.
    """

    cell: int
    tree: ast.Module
    binds: frozenset[str]
    uses: frozenset[str]
    imports: bool


def plain(source: str) -> tuple[str, int]:
    """The Python of a cell, as IPython makes it, and how many lines belong to a cell magic and were left out.

    Line magics and shell commands become calls of `get_ipython()`; what `%%time` and `%time` measure is Python.

    Example:
        >>> plain("%%time\\nx = 1"), plain("%%bash\\nls")
        (('x = 1', 0), ('', 2))
    """
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if _parses(text):
        return text, 0
    if magic := re.match(r"\s*%%(\w+)[^\n]*\n?", text):
        return plain(text[magic.end() :]) if magic[1] in MEASURING else ("", text.count("\n") + 1)
    text = re.sub(r"(?m)^(\s*)%time[ \t]+(?=\S)", r"\1", text)
    return TransformerManager().transform_cell(text).rstrip("\n"), 0


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def statements(cells: list[str]) -> tuple[list[Statement], list[str]]:
    """The statements of all cells in their order, and notes about what does not parse or is not Python."""
    found, notes = [], []
    for number, source in enumerate(cells, 1):
        try:
            text, skipped = plain(source)
            if skipped:
                notes.append(f"code cell {number}: {skipped} lines that are not Python were left out")
            found += list(_statements(number, text))
        except (SyntaxError, ValueError, RecursionError, MemoryError, UnicodeError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
            notes.append(f"code cell {number} is not Python: {reason}")
    return found, notes


def _statements(number: int, text: str) -> Iterator[Statement]:
    for node in ast.parse(text).body:
        tree = ast.Module([node], [])
        binds, uses = _names(ast.unparse(tree))
        imports = isinstance(node, ast.Import | ast.ImportFrom)
        yield Statement(number, tree, binds | _changed(node), uses, imports)


def _names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a piece of a module binds, and those that it, or a function in it, takes from the module."""
    top = symtable.symtable(text, "cell", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    uses = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                uses.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
    return frozenset(binds), frozenset(uses)


def _changed(node: ast.stmt) -> set[str]:
    """The names whose value a statement changes: `a[0] = 1`, `a.b = 1`, `a.append(1)`."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    else:
        return set()
    return {base.id for target in targets if isinstance(base := _base(target), ast.Name) and base is not target}


def _base(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def needed(found: list[Statement], name: str) -> list[Statement]:
    """The statements that define `name` and all that it needs, in their order.

    Example:
        >>> cells = ["import math", "scale = 2", "print(scale)", "def f(x): return scale * math.sin(x)"]
        >>> [s.cell for s in needed(statements(cells)[0], "f")]
        [1, 2, 4]
    """
    imported = frozenset().union(*(s.binds for s in found if s.imports))
    wanted, names, grown = set(), {name}, True
    while grown:
        grown = False
        for place, statement in enumerate(found):
            bound = statement.binds if not isinstance(statement.tree.body[0], ast.Expr) else statement.binds - imported
            if place not in wanted and (bound & names or "*" in statement.binds or _is_star(statement)):
                wanted.add(place)
                names |= statement.uses
                grown = True
    return [found[place] for place in sorted(wanted)]


def _is_star(statement: Statement) -> bool:
    node = statement.tree.body[0]
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
