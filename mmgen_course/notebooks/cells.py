"""Takes the code cells of a notebook apart, into statements; what each of them binds, uses and may change."""

import ast
import importlib.util
import re
import symtable
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

MEASURING = {"time", "capture", "prun", "timeit"}  # cell magics whose body is Python of the notebook
COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}  # as symtable calls their scopes: they run at once
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# builtins that change nothing that they are given
PURE = {"abs", "all", "any", "bool", "check", "dict", "display", "divmod", "enumerate", "float", "format", "frozenset"}
PURE |= {"get_ipython", "getattr", "hasattr", "hash", "id", "int", "isinstance", "issubclass", "len", "list", "max"}
PURE |= {"min", "pow", "print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "super", "tuple"}
PURE |= {"einsum", "rearrange", "repeat", "type", "zip"}
SHOWING = {"display", "get_ipython", "plt", "show", "tqdm", "widgets"}  # what begins with these draws for a reader
# what begins with these computes, but for the functions below
COMPUTING = {"F", "einops", "itertools", "json", "math", "np", "numpy", "re", "statistics", "string", "torch"}
CHANGING = re.compile(r".*_$|set|manual|seed|use|enable|disable|register|load|save|put|place|copyto|shuffle|fill")
# how functions begin that set what a whole library does
SETTING = re.compile(r"set|manual|seed|use|enable|disable|register|simplefilter|filterwarnings|basicConfig|add_|rc")
# a statement with one of these names may do anything to the notebook
DYNAMIC = {"__builtins__", "__import__", "builtins", "compile", "delattr", "eval", "exec", "gc", "globals", "importlib"}
DYNAMIC |= {"locals", "patch", "setattr", "sys", "vars"}
DYNAMIC_ATTRIBUTES = {"__dict__", "__globals__", "__setattr__", "modules", "patch", "user_ns"}
WRITING = {"open", "write_text", "write_bytes", "save", "savez", "savetxt", "dump", "to_csv", "mkdir", "chdir"}
WRITING |= {"writefile", "save_file", "imsave", "system", "getoutput"}
READING = {"open", "read_text", "read_bytes", "load", "loads", "loadtxt", "genfromtxt", "load_file", "imread"}
READING |= {"read_csv", "exists", "is_file", "glob", "iterdir", "listdir", "getcwd", "cwd"}
FILES = "the files"  # stands among the names for what is on the disk
# calls that give numbers, a text or a pattern
IMMUTABLE = {"bool", "compile", "float", "int", "item", "len", "range", "round", "str"}


@dataclass(frozen=True)
class Effects:
    """What code may change as it runs.

    Attributes:
        stored: names of which an attribute or an item is set, or to which something is added in place.
        given: names that take part in a call which may change them.
        passed: those of them that it is given as they are, by which it may change a function.
        anything: whether it may change what no name of the notebook stands for, such as a setting of a library.
    """

    stored: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    anything: bool = False

    def on(self, names: frozenset[str]) -> "Effects":
        """The same on these names alone, which the notebook can see; a comprehension's variable is none of them."""
        return Effects(self.stored & (names | {FILES}), self.given & names, self.passed & names, self.anything)


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell.

    Attributes:
        cell: number of the code cell, from 1.
        tree: of the statement alone.
        binds: names of the notebook that it gives a value, maybe.
        imports: whether all that it does is to import.
        sure: names that it gives a new value whatever happens, variables of a loop among them.
        loops: those of a loop, which keep their old value if it has nothing to go through.
        late: names that its functions need when they are called.
        now: names that it needs at once.
        does: what it may change as it runs.
        calls: what a call of its functions may change.
        constant: whether what it binds are numbers or texts, which nothing can change.
    """

    cell: int
    tree: ast.Module
    binds: frozenset[str]
    imports: bool
    sure: frozenset[str]
    loops: frozenset[str]
    late: frozenset[str]
    now: frozenset[str]
    does: Effects
    calls: Effects
    constant: bool

    @property
    def uses(self) -> frozenset[str]:
        """The names that it needs, at once or when a function in it is called."""
        return self.now | self.late

    @property
    def defines(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.tree.body[0], DEFINITIONS)


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
    if magic := re.match(r"\s*%%(\w+)[ \t]*([^\n]*)\n?", text):
        body = text[magic.end() :]
        if magic[1] in MEASURING:
            body, left_out = plain(body)
            if magic[1] == "capture" and (kept := re.search(r"(?<![-\w])[A-Za-z_]\w*$", magic[2].strip())):
                body = f"{body}\n{kept[0]} = get_ipython().run_cell_magic('capture', '', '')"
            return body, left_out
        if magic[1] in ("writefile", "file") and (words := magic[2].split()):
            return f"open({words[-1]!r}, {'a' if '-a' in words else 'w'!r}).write({body!r})", 0
        return "", text.count("\n") + 1
    text = re.sub(r"(?m)^(\s*(?:\w+[ \t]*=[ \t]*)?)%time[ \t]+(?=\S)", r"\1", text)
    return TransformerManager().transform_cell(text).rstrip("\n"), 0


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def statements(cells: list[str]) -> tuple[list[Statement], list[str]]:
    """The statements of all cells in their order, and notes about what does not parse or is not Python."""
    found: list[tuple[int, list[ast.stmt]]] = []
    notes = []
    for number, source in enumerate(cells, 1):
        try:
            text, skipped = plain(source)
            if skipped:
                notes.append(f"code cell {number}: {skipped} lines that are not Python were left out")
            found.append((number, ast.parse(text).body))
        except (SyntaxError, ValueError, RecursionError, MemoryError, UnicodeError) as error:
            notes.append(_unread(number, error))
    nodes = [node for _, body in found for top in body for node in ast.walk(top)]
    own = {node.id for node in nodes if isinstance(node, ast.Name) and _is_bound(node)} | {
        node.name for node in nodes if isinstance(node, DEFINITIONS)
    }
    libraries = {name for node in nodes if not _is_of_the_course(node) for name in _imported(node)}
    read: list[Statement] = []
    for number, body in found:
        try:
            read += [_statement(number, node, frozenset(own), frozenset(libraries)) for node in body]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            notes.append(_unread(number, error))
    return read, notes


def _unread(number: int, error: Exception) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
    return f"code cell {number} is not Python: {reason}"


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _is_of_the_course(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "mmgen_course"


def _is_bound(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _statement(number: int, node: ast.stmt, own: frozenset[str], libraries: frozenset[str]) -> Statement:
    tree = ast.Module([node], [])
    binds, now, late = _names(ast.unparse(tree))
    at_once, later = _split(node)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and all(map(_is_bound, node.targets)):
        now, late = frozenset(), now | late
        at_once, later = [], [node.value.body]
    does, calls = _effects(at_once, own, libraries).on(binds | now | late), _effects(later, own, libraries)
    now &= _before_bound([node], set())
    now |= {FILES} & set(map(_reads, at_once))
    late |= {FILES} & set(map(_reads, later))
    return Statement(
        number,
        tree,
        binds,
        isinstance(node, ast.Import | ast.ImportFrom),
        frozenset(_sure(node)),
        frozenset(_loop_variables(node)),
        late,
        now,
        does,
        calls,
        _is_constant(node),
    )


def _names(text: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The names that a piece of a module binds; that it takes from the module at once; that a function in it takes."""
    top = symtable.symtable(text, "cell", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    now = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    late: set[str] = set()
    tables = [(table, False) for table in top.get_children()]
    while tables:
        table, inside = tables.pop()
        function = table.get_type() == "function" and table.get_name() not in COMPREHENSIONS
        named = function and table.get_name() != "lambda"
        tables += [(child, inside or named) for child in table.get_children()]
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                if function or inside:
                    late.add(symbol.get_name())
                if not named and not inside:
                    now.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
    return frozenset(binds), frozenset(now), frozenset(late)


def _before_bound(body: list[ast.stmt], bound: set[str]) -> set[str]:
    """The names that statements use before they have bound them themselves, as a loop binds its own variable.

    Args:
        body: run one after the other.
        bound: names that have a value of theirs before; it grows by those that get one whatever happens.
    """
    used: set[str] = set()
    for node in body:
        if isinstance(node, ast.For | ast.AsyncFor):
            used |= mentioned(node.iter) - bound
            used |= _before_bound(node.body, bound | mentioned(node.target)) | _before_bound(node.orelse, set(bound))
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                used |= mentioned(item.context_expr) - bound
                bound |= mentioned(item.optional_vars) if item.optional_vars else set()
            used |= _before_bound(node.body, bound)
        elif isinstance(node, ast.If | ast.While):
            used |= mentioned(node.test) - bound
            used |= _before_bound(node.body, set(bound)) | _before_bound(node.orelse, set(bound))
        elif isinstance(node, ast.Try):
            handled = [statement for handler in node.handlers for statement in handler.body]
            types = [handler.type for handler in node.handlers if handler.type]
            used |= set().union(*map(mentioned, types)) - bound
            for part in (node.body, handled, node.orelse, node.finalbody):
                used |= _before_bound(part, set(bound))
        else:
            used |= mentioned(node) - bound
            bound |= set(_sure(node))
    return used


def _split(node: ast.stmt) -> tuple[list[ast.AST], list[ast.AST]]:
    """The nodes of a statement that run at once, and those that run when a function in it is called."""
    now: list[ast.AST] = []
    late: list[ast.AST] = []
    waiting: list[tuple[ast.AST, bool]] = [(node, False)]
    while waiting:
        each, inside = waiting.pop()
        (late if inside else now).append(each)
        for name, value in ast.iter_fields(each):
            body = name == "body" and isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            parts = value if isinstance(value, list) else [value]
            waiting += [(part, inside or body) for part in parts if isinstance(part, ast.AST)]
    return now, late


def _effects(nodes: list[ast.AST], own: frozenset[str], libraries: frozenset[str]) -> Effects:
    """What code may change.

    Args:
        nodes: of the code.
        own: names to which the notebook gives a value; they mean nothing but what it says.
        libraries: names that it imports, but for those of the course, whose functions keep no settings.
    """
    stored: set[str] = set()
    given: set[str] = set()
    passed: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            stored.add(_base(node))
        elif isinstance(node, ast.AugAssign | ast.NamedExpr | ast.Delete):
            stored |= mentioned(getattr(node, "target", node))
        elif isinstance(node, ast.For | ast.AsyncFor):
            given |= mentioned(node.iter)
        elif isinstance(node, ast.withitem):
            given |= mentioned(node.context_expr)
        elif isinstance(node, ast.Call) and not _is_harmless(node, own):
            given |= mentioned(node)
            passed |= _passed(node)
            stored |= _holder(node.func) & own
        elif isinstance(node, DEFINITIONS):
            for decorator in node.decorator_list:
                given |= mentioned(decorator)
                stored |= _holder(decorator) & own
        if isinstance(node, ast.Call) and _last(node.func) in WRITING:
            stored.add(FILES)
    anything = any(_may_do_anything(node, own, libraries) for node in nodes)
    return Effects(frozenset(stored - {""}), frozenset(given), frozenset(passed), anything)


def _may_do_anything(node: ast.AST, own: frozenset[str], libraries: frozenset[str]) -> bool:
    """Whether code may change what no name in it stands for: names of the notebook, or a setting of a library."""
    if isinstance(node, ast.Name):
        return node.id in DYNAMIC and node.id not in own
    if isinstance(node, ast.Attribute):
        return node.attr in DYNAMIC_ATTRIBUTES
    if isinstance(node, ast.ImportFrom):
        return node.names[0].name == "*" or node.module == "__future__"
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call) or _is_harmless(node.value, own):
        return False
    call = node.value
    if _base(call.func) not in libraries:
        return False
    return bool(SETTING.match(_last(call.func))) or not mentioned(call) & own  # `torch.set_default_dtype(...)`


def _is_harmless(call: ast.Call, own: frozenset[str]) -> bool:
    """Whether a call leaves what it is given as it is: to print, to draw, to compute a new tensor."""
    name, base = _last(call.func), _base(call.func)
    if base in own or any(keyword.arg in ("out", "inplace") for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Name):
        return name in PURE
    return base in SHOWING or (base in COMPUTING and not CHANGING.match(name))


def mentioned(node: ast.AST) -> set[str]:
    """Every name in a piece of code."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _passed(call: ast.Call) -> set[str]:
    """The names that stand among the arguments of a call, but for those that are called there themselves."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    calls = [each.func for part in parts for each in ast.walk(part) if isinstance(each, ast.Call)]
    called = {function.id for function in calls if isinstance(function, ast.Name)}
    return set().union(*map(mentioned, parts)) - called


def _reads(node: ast.AST) -> str:
    """`FILES` if code reads from the disk, among it a module that only the notebook can have written."""
    if isinstance(node, ast.Import):
        reads = any(_is_beside(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        reads = _is_beside(node.module or "")
    else:
        reads = isinstance(node, ast.Call) and _last(node.func) in READING
    return FILES if reads else ""


def _is_beside(module: str) -> bool:
    name = module.partition(".")[0]
    return name not in sys.modules and name not in sys.stdlib_module_names and importlib.util.find_spec(name) is None


def _holder(function: ast.expr) -> set[str]:
    """Of `rows.append` it is `rows`: what a call of it may change."""
    return {_base(function)} if isinstance(function, ast.Attribute) else set()


def _last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _base(node: ast.expr) -> str:
    """The name that an expression such as `a.b[0]` or `a.b().c` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _sure(node: ast.stmt) -> Iterator[str]:
    """The names that a statement binds to something new whatever happens."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imported(node)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for inner in node.body:
            yield from _sure(inner)
    elif isinstance(node, ast.For | ast.AsyncFor):
        yield from _loop_variables(node)
    elif isinstance(node, ast.Assign) or (isinstance(node, ast.AnnAssign) and node.value):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from _targets(target)


def _loop_variables(node: ast.stmt) -> Iterator[str]:
    """The variables of a loop: new ones, unless it has nothing to go through."""
    if isinstance(node, ast.For | ast.AsyncFor):
        yield from _targets(node.target)


def _targets(target: ast.expr) -> Iterator[str]:
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    yield from (part.id for part in parts if isinstance(part, ast.Name))


def _is_constant(node: ast.AST | None) -> bool:
    """Whether a statement gives its names numbers or texts, or an expression is one."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return _is_constant(node.value)
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left) and _is_constant(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, ast.Tuple):
        return all(map(_is_constant, node.elts))
    if isinstance(node, ast.Call):
        return _last(node.func) in IMMUTABLE
    return isinstance(node, ast.Constant | ast.JoinedStr | ast.Compare)


def asked_at(found: list[Statement], name: str) -> int:
    """The place among the statements where `check(name)` stands last, if `name` has a value there; else the end.

    Example:
        >>> asked_at(statements(["def f(): pass", "check(f)", "x = 1"])[0], "f")
        1
    """
    for place in range(len(found) - 1, -1, -1):
        call = getattr(found[place].tree.body[0], "value", None)
        if isinstance(call, ast.Call) and _last(call.func) == "check" and name in mentioned(call):
            return place if any(name in statement.binds for statement in found[:place]) else len(found)
    return len(found)
