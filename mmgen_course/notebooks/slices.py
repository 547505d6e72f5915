"""Slices a notebook: of all its statements, those that one function needs.

A lesson trains and draws for a minute; an answer needs an import or two, and perhaps a helper from another cell. So not
every cell runs. But a notebook means what Jupyter makes of it, run from top to bottom, and what a statement does cannot
always be read from it: if in doubt, it is run. Backwards from where the function is asked for, a statement is needed if
it gives a value to a name that is needed further down, or may change what such a name stands for: whoever holds an
object, under whatever name, may change it, by any call. What is left out is what touches nothing of this.
"""

from collections.abc import Iterable

from mmgen_course.notebooks.cells import FILES, Statement


class Slicer:
    """Slices one notebook: knows which of its names stand for functions, and which may stand for one object.

    Args:
        found: its statements.

    Example:
        >>> from mmgen_course.notebooks.cells import statements
        >>> cells = ["import math", "scale = 2", "print(scale)", "def f(x): return scale * math.sin(x)"]
        >>> [s.cell for s in Slicer(statements(cells)[0]).needed("f")]
        [1, 2, 4]
    """

    def __init__(self, found: list[Statement]) -> None:
        self.found = found
        self.functions: dict[str, list[Statement]] = {}  # name -> the statements whose functions it may call
        for statement in found:
            if statement.late or statement.defines:
                for name in statement.sure if statement.defines else statement.binds:
                    self.functions.setdefault(name, []).append(statement)
        imported = frozenset().union(*(s.binds for s in found if s.imports))
        other = frozenset().union(*(s.binds for s in found if not s.defines and not s.imports))
        self.only_functions = self.functions.keys() - other - imported
        self.objects = frozenset().union(*(_objects(s) for s in found))
        self.behind = self._behind(found)
        self.first: dict[str, str] = {}
        for statement in found:
            touched = self.touched(statement)
            if not statement.defines and (touched or statement.binds):
                held = sorted((statement.binds | statement.now | touched) & self.objects)
                for one in held[1:]:
                    self.first[self._root(one)] = self._root(held[0])

    def needed(self, name: str, place: int | None = None) -> list[Statement]:
        """The statements that must run before `name` is asked for at a place, by default the end, in their order."""
        live = self.reached({name})
        chosen: list[Statement] = []
        for statement in reversed(self.found[:place]):
            touched = self.groups(self.touched(statement))
            if statement.does.anything or statement.binds & live or touched & self.groups(live):
                chosen.append(statement)
                live -= statement.sure
                live |= self.reached(statement.now)
        return chosen[::-1]

    def changed_after(self, chosen: list[Statement], place: int) -> list[Statement]:
        """The statements from a place on that give another value to what those chosen before it have made."""
        bound = frozenset().union(*(one.binds for one in chosen if not one.imports))
        return [one for one in self.found[place:] if one.binds & bound and not one.imports]

    def _behind(self, found: list[Statement]) -> dict[str, set[str]]:
        """Name -> what it may call: of a function, the names that it needs; of an object, the functions it came by."""
        comes_by: dict[str, set[str]] = {}
        for statement in found:
            if not statement.defines and not statement.imports:
                for name in statement.binds | statement.does.stored | statement.does.given:
                    comes_by.setdefault(name, set()).update(statement.now)
        behind = {name: set().union(*(one.late for one in ones)) for name, ones in self.functions.items()}
        for name in self.objects & comes_by.keys():
            behind.setdefault(name, set()).update(_closure({name}, comes_by) & self.functions.keys())
        return behind

    def reached(self, names: Iterable[str]) -> set[str]:
        """The names, and those that the functions among them, or behind them, need when they are called."""
        return _closure(set(names), self.behind)

    def touched(self, statement: Statement) -> set[str]:
        """The names whose objects a statement may change: itself, or by the functions of the notebook that it calls."""
        does = statement.does
        touched = does.stored | (does.given & self.objects)
        if not does.given:
            return set(touched)
        called = [one for name in self.reached(statement.now) for one in self.functions.get(name, [])]
        if any(one.calls.stored - one.late for one in called):  # it changes what it is given
            touched |= does.passed & self.functions.keys()
        for one in called:
            touched |= (one.calls.stored | (one.calls.given & self.objects)) & (one.late | one.binds)
            touched |= (one.binds - one.sure) | ({FILES} & one.calls.stored)  # what it declares global; what it writes
        return set(touched)

    def groups(self, names: Iterable[str]) -> set[str]:
        """For each name the first of all names that may stand for the same object, or for a part of it."""
        return {self._root(name) for name in names}

    def _root(self, name: str) -> str:
        while self.first.get(name, name) != name:
            name = self.first[name]
        return name


def _objects(statement: Statement) -> frozenset[str]:
    """The names that a statement gives what may be changed later: no function, no module, no number."""
    if statement.imports or statement.constant:
        return frozenset()
    return statement.binds - statement.sure if statement.defines else statement.binds


def _closure(names: set[str], leads_to: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    while names:
        seen |= names
        names = set().union(*(leads_to.get(name, set()) for name in names)) - seen
    return seen
