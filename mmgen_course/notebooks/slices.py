"""Slices a notebook: of all its statements, those that one function needs.

A lesson trains and draws for a minute; an answer needs an import or two, and perhaps a helper from another cell. So not
every cell runs. But a notebook means what Jupyter makes of it, run from top to bottom, and what a statement does cannot
always be read from it: if in doubt, it is run. Backwards from where the function is asked for, a statement is needed if
it gives a value to a name that is needed further down, or may change what such a name stands for: whoever holds an
object, under whatever name, may change it, by any call. What is left out is what touches nothing of this.

A name that gets a new value is a new name here, written `name#2`, as in a compiler's static single assignment: what was
done to the old one does not matter to the new one.
"""

from collections.abc import Callable, Iterable

from mmgen_course.notebooks.cells import FILES, Statement


class Slicer:
    """Slices one notebook.

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
        self.before, self.after, self.kept = _versions(found)
        self.functions: dict[str, list[Statement]] = {}  # version -> statements whose functions it may call
        self.objects = {FILES}  # versions that are no function, no module and no number: they can be changed
        self.others: set[str] = set()  # versions that are no function
        for place, statement in enumerate(found):
            for name in statement.binds:
                version = self.after[place].get(name, name)
                if statement.late or statement.defines:
                    self.functions.setdefault(version, []).append(statement)
                if not statement.defines or name not in statement.sure:
                    self.others.add(version)
                    if not statement.imports and not statement.constant:
                        self.objects.add(version)
        self.behind = self._behind()
        self.first: dict[str, str] = {}
        for place, statement in enumerate(found):
            touched = self.touched(place)
            if not statement.defines and (touched or statement.binds):
                held = sorted((self._bound(place) | self._now(place) | touched) & self.objects - {FILES})
                for one in held[1:]:
                    self.first[self._root(one)] = self._root(held[0])

    def needed(self, name: str, place: int | None = None) -> list[Statement]:
        """The statements that must run before `name` is asked for at a place, by default the end, in their order."""
        place = len(self.found) if place is None else place
        live = self.reached({self._at(place)(name)}, place)
        chosen: list[Statement] = []
        for here in range(place - 1, -1, -1):
            statement = self.found[here]
            touched = self.groups(self.touched(here))
            if statement.does.anything or self._bound(here) & live or touched & self.groups(live):
                chosen.append(statement)
                live |= self.reached(self._now(here), here)
        return chosen[::-1]

    def changed_after(self, chosen: list[Statement], place: int) -> list[Statement]:
        """The statements from a place on that give another value to what those chosen before it have made."""
        bound = frozenset().union(*(one.binds for one in chosen if not one.imports))
        return [one for one in self.found[place:] if one.binds & bound and not one.imports]

    def reached(self, versions: Iterable[str], place: int) -> set[str]:
        """The versions, and those that the functions among them, or behind them, need if they are called at a place."""
        at = self._at(place)
        seen: set[str] = set()
        new = set(versions)
        while new:
            seen |= new
            called = new.union(*(self.behind.get(version, ()) for version in new))
            late = {name for version in called for one in self.functions.get(version, ()) for name in one.late}
            kept = {self.kept[version] for version in called & self.kept.keys()}
            new = (called | kept | set(map(at, late))) - seen
        return seen

    def touched(self, place: int) -> set[str]:
        """The versions whose objects a statement may change: itself, or by the functions of the notebook it calls."""
        at, does = self._at(place), self.found[place].does
        touched = set(map(at, does.stored)) | set(map(at, does.given)) & self.objects
        if not does.given:
            return touched
        reached = self.reached(self._now(place), place)
        called = [one for version in reached for one in self.functions.get(version, ())]
        if any(one.calls.stored - one.late for one in called):  # it changes what it is given
            touched |= set(map(at, does.passed)) & self.functions.keys()
        for one in called:
            changed = set(map(at, one.calls.stored)) | set(map(at, one.calls.given)) & self.objects
            touched |= changed & set(map(at, one.late | one.binds))
            touched |= set(map(at, (one.binds - one.sure) | ({FILES} & one.calls.stored)))  # global names, files
        return touched

    def groups(self, versions: Iterable[str]) -> set[str]:
        """For each version the first of all that may stand for the same object, or for a part of it."""
        return {self._root(version) for version in versions}

    def _root(self, version: str) -> str:
        while self.first.get(version, version) != version:
            version = self.first[version]
        return version

    def _at(self, place: int) -> Callable[[str], str]:
        """What a name stands for before a statement runs, or at the end."""
        names = self.before[place]
        return lambda name: names.get(name, name)

    def _now(self, place: int) -> set[str]:
        return set(map(self._at(place), self.found[place].now))

    def _bound(self, place: int) -> set[str]:
        names = self.after[place]
        return {names.get(name, name) for name in self.found[place].binds}

    def _behind(self) -> dict[str, set[str]]:
        """Version of an object -> the functions and classes that it came by, or was given to."""
        comes_by: dict[str, set[str]] = {}
        for place, statement in enumerate(self.found):
            if not statement.defines and not statement.imports:
                changed = map(self._at(place), statement.does.stored | statement.does.given)
                for version in self._bound(place).union(changed) & self.objects:
                    comes_by.setdefault(version, set()).update(self._now(place))
        return {one: _closure(one, comes_by) & self.functions.keys() for one in comes_by}


Names = dict[str, str]


def _versions(found: list[Statement]) -> tuple[list[Names], list[Names], Names]:
    """What each name stands for before each statement and at the end; after each; of a loop's variable, the old one."""
    names: Names = {}
    kept: Names = {}
    before, counts = [names], dict.fromkeys((name for one in found for name in one.sure), 0)
    for statement in found:
        if statement.sure:
            names = dict(names)
            for name in statement.sure:
                counts[name] += 1
                version = f"{name}#{counts[name]}"
                if name in statement.loops and name in names:
                    kept[version] = names[name]
                names[name] = version
        before.append(names)
    return before, before[1:], kept


def _closure(start: str, leads_to: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    new = {start}
    while new:
        seen |= new
        new = set().union(*(leads_to.get(name, set()) for name in new)) - seen
    return seen
