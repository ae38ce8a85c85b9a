"""Rewriting the program's source as it is loaded, so that calls and subscripts that can copy are watched.

Only receivers change: `x.copy()` becomes `watched(x, "copy").copy()`, and `x[i]` becomes `watched(x)[i]`. The
call, its place in the source and the order of evaluation stay. Nothing is written to disk.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any, cast

from .copies import FUNCTIONS, NAMES, OF_CUPY, PROPERTIES
from .integers import counters
from .jitted import CALL

WATCHED = "__@numpy_bridge__"
"""The global name of `watched` in rewritten modules. No program can have it, and programs that list their
global names skip it as they skip ``__name__``."""

_COMPILERS = frozenset({"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil", "generated_jit"})
"""What compiles the bytecode of a function, by name. torch.compile is told to ignore `watched`."""

_CALLED = NAMES - PROPERTIES

_OF_LISTS = frozenset({"append", "insert"})
"""Names of functions of NumPy that lists have as methods: they count only after the name of a module."""

_LITERALS = (ast.Constant, ast.JoinedStr, ast.List, ast.Dict, ast.Tuple, ast.Set, ast.ListComp, ast.DictComp)


def rewritten(source: bytes | str, file: str) -> CodeType | None:
    """Compile a module as Python does, rewritten where it can copy; None if it cannot be compiled.

    Python's own compilation then says why, in the words and with the frames that users know.
    """
    try:
        tree = cast("ast.Module", compile(source, file, "exec", ast.PyCF_ONLY_AST, dont_inherit=True))
        _rewrite(tree)
        return compile(tree, file, "exec", dont_inherit=True)
    except (SyntaxError, RecursionError, ValueError):  # ValueError: null bytes
        return None


def rewritten_file(file: str) -> CodeType | None:
    """Compile a file of the program, as `rewritten` does."""
    try:
        return rewritten(SourceFileLoader("", file).get_data(file), file)
    except OSError:
        return None


def rewrite(loader: SourceFileLoader) -> None:
    """Let a loader return rewritten code, once. Afterwards it looks as usual to its module."""
    try:
        code = rewritten(loader.get_data(loader.path), loader.path)
    except OSError:
        return

    def get_code(fullname: str) -> CodeType | None:
        del loader.get_code
        return code

    if code is not None:
        loader.get_code = get_code  # type: ignore[method-assign]


def _rewrite(module: ast.Module) -> None:
    """Rewrite a module in place."""
    rewriter = _Rewriter(module)
    rewriter.visit(module)
    if not rewriter.changed:
        return
    place = next((i for i, each in enumerate(module.body) if not _is_first(each, i)), len(module.body))
    names = [ast.alias("watched", WATCHED)]
    first = module.body[place]
    above = [*getattr(first, "decorator_list", ()), first][0]
    start = ast.ImportFrom("numpy_bridge.auditing.program.receivers", names, 0)
    module.body.insert(place, ast.copy_location(start, above))
    ast.fix_missing_locations(module)


def _is_first(statement: ast.stmt, position: int) -> bool:
    """Whether a statement has to stay first: a docstring, or an import from __future__."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return position == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Rewriter(ast.NodeTransformer):
    """Rewrites receivers. Annotations and patterns have no receivers, and may be kept as text."""

    def __init__(self, module: ast.Module) -> None:
        self.changed = False
        self._integers = counters(module)
        self._imported = dict(_imported(module))
        self._modules = set(_modules(module))
        self._compiled = set(_compiled(module))
        self._has_jax = _imports(module, "jax")
        self._called = _CALLED if _imports(module, "cupy") else _CALLED - OF_CUPY

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if isinstance(function, ast.Attribute):
            self.generic_visit(function)  # it is called, not read
            node.args = [self.visit(each) for each in node.args]
            node.keywords = [self.visit(each) for each in node.keywords]
            if function.attr in self._called and not self._is_of_list(function):
                function.value = self._watched(function.value, function.attr)
            if function.lineno != function.end_lineno:  # to watch it would change the order of the lines
                return node
        else:
            self.generic_visit(node)
            if isinstance(function, ast.Name) and function.id in self._imported:
                node.func = self._watched(function, self._imported[function.id])
            elif isinstance(function, ast.Name) and hasattr(builtins, function.id):
                return node
        if self._has_jax:
            node.func = self._watched(node.func, CALL)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr in PROPERTIES and isinstance(node.ctx, ast.Load):
            node.value = self._watched(node.value, node.attr)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and not self._is_basic(node.slice):
            node.value = self._watched(node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        target = node.target
        if isinstance(target, ast.Subscript) and not self._is_basic(target.slice):  # it is read first
            target.value = self._watched(target.value)
        return node

    def _watched(self, receiver: ast.expr, *name: str) -> ast.expr:
        if isinstance(receiver, _LITERALS) or _is_super(receiver):
            return receiver
        self.changed = True
        function = ast.copy_location(ast.Name(WATCHED, ast.Load()), receiver)
        arguments: list[ast.expr] = [receiver, *map(ast.Constant, name)]
        return ast.copy_location(ast.Call(function, arguments, []), _place_of_last_step(receiver))

    def _is_basic(self, index: ast.expr) -> bool:
        """Whether an index makes a view of an array: a slice, or a number for certain."""
        if isinstance(index, ast.Tuple):
            return all(map(self._is_basic, index.elts))
        if isinstance(index, ast.UnaryOp):
            return self._is_basic(index.operand)
        if isinstance(index, ast.Name):
            return index.id in self._integers
        return isinstance(index, ast.Constant | ast.Slice | ast.JoinedStr)

    def _is_of_list(self, method: ast.Attribute) -> bool:
        """Whether a call is one of the commonest methods of lists, for all that can be seen."""
        owner = method.value
        return method.attr in _OF_LISTS and not (isinstance(owner, ast.Name) and owner.id in self._modules)

    def _visit_function(self, node: Any) -> ast.AST:
        if node.name in self._compiled:
            return node  # type: ignore[no-any-return]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        node.body = [self.visit(each) for each in node.body]
        return node  # type: ignore[no-any-return]

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        node.guard = node.guard and self.visit(node.guard)
        node.body = [self.visit(each) for each in node.body]
        return node

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_arg = visit_TypeAlias = visit_TypeVar = _leave


def _place_of_last_step(node: ast.expr) -> ast.AST:
    """Return a node with the place where the evaluation of an expression ends.

    It may be on another line: Python gives calls of methods the line of the method's name.
    """
    last = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else node
    if not isinstance(last, ast.Attribute):
        return node
    line, end = last.end_lineno or last.lineno, last.end_col_offset or 0
    return ast.Pass(lineno=line, col_offset=end - len(last.attr), end_lineno=line, end_col_offset=end)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names of functions that are imported by name, with their paths."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module in FUNCTIONS and not node.level:
            for each in node.names:
                if each.name in FUNCTIONS[node.module]:
                    yield each.asname or each.name, f"{node.module}.{each.name}"


def _modules(module: ast.Module) -> Iterator[str]:
    """Yield the names that `import` binds."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (each.asname or each.name.partition(".")[0] for each in node.names)


def _imports(module: ast.Module, library: str) -> bool:
    """Whether a module imports a library, jax or CuPy. In others its calls are left alone: they are many."""
    for node in ast.walk(module):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(name.partition(".")[0] == library for name in names):
            return True
    return False


def _compiled(module: ast.Module) -> Iterator[str]:
    """Yield the names of functions that a compiler of bytecode gets, as a decorator or by a call."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _names_compiler(node.decorator_list):
            yield node.name
        elif isinstance(node, ast.Call) and _names_compiler([node.func]):
            yield from (each.id for each in node.args if isinstance(each, ast.Name))


def _names_compiler(expressions: Iterable[ast.expr]) -> bool:
    nodes = (node for expression in expressions for node in ast.walk(expression))
    return any(getattr(node, "id", getattr(node, "attr", "")) in _COMPILERS for node in nodes)
