"""The source of a call: its argument as the program writes it, and where that argument is made."""

from __future__ import annotations

import ast
import functools
import linecache
import re
from collections.abc import Iterator
from typing import cast

from .judging.calls import CALLS
from .program.copies import METHODS

_COMMENT = re.compile(r"#\s*numpy-bridge:\s*allow\b")
_METHODS = (call for calls in METHODS.values() for call in calls.values())
_PARAMETERS = {call.label: call.parameter for call in (*CALLS, *_METHODS)}
_KEEPS_DTYPE = ("copy", "ravel", "flatten", "reshape", "squeeze", "transpose", "detach")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Module)


def is_allowed(file: str, line: int) -> bool:
    """Whether a line, or another line of its statement, has the comment ``# numpy-bridge: allow``."""
    lines = linecache.getlines(file)
    if not any("numpy-bridge:" in text for text in lines):
        return False
    found = [node for node in _around(file, line) if isinstance(node, ast.stmt)]
    simple = [node for node in found if not hasattr(node, "body")]
    first, last = (simple[-1].lineno, simple[-1].end_lineno or line) if simple else (line, line)
    return any(_COMMENT.search(text) for text in lines[first - 1 : last])


def argument(file: str, line: int, label: str) -> ast.expr | None:
    """Return the argument of the call at a line that reports name `label`.

    None if no such call is there, or if several have different arguments.
    """
    given = [_argument(node, label) for node in _calls(file, line, label)]
    found = {ast.unparse(each): each for each in given if each is not None}
    return next(iter(found.values())) if len(found) == 1 and None not in given else None


def call_at(file: str, line: int, label: str) -> ast.Call | None:
    """Return the call at a line that reports name `label`; None as for `argument`."""
    found = {ast.unparse(node): node for node in _calls(file, line, label)}
    return next(iter(found.values())) if len(found) == 1 else None


def _calls(file: str, line: int, label: str) -> list[ast.Call]:
    name = label.rpartition(".")[2]
    return [node for node in _around(file, line) if isinstance(node, ast.Call) and _name(node.func) == name]


def _argument(node: ast.Call, label: str) -> ast.expr | None:
    parameter = _PARAMETERS.get(label, "data")
    if parameter == "self":
        return node.func.value if isinstance(node.func, ast.Attribute) else None
    if node.args:
        return None if isinstance(node.args[0], ast.Starred) else node.args[0]
    return next((each.value for each in node.keywords if each.arg == parameter), None)


def whole(made: ast.expr) -> ast.expr:
    """Return the array that an expression takes a part or another shape of: `a` for ``a[1:].ravel()``."""
    while True:
        if isinstance(made, ast.Subscript) or (isinstance(made, ast.Attribute) and made.attr == "T"):
            made = made.value
        elif isinstance(made, ast.Call) and _name(made.func) in _KEEPS_DTYPE and _is_method(made):
            made = cast("ast.Attribute", made.func).value
        else:
            return made


def maker(file: str, line: int, made: ast.expr) -> ast.expr:
    """Return the expression that a name was last assigned, as far as can be seen; others as they are."""
    if not isinstance(made, ast.Name | ast.Attribute):
        return made
    wanted = ast.unparse(made)
    assigned = [value for at, value in _assignments(file, line, wanted) if at < line]
    return whole(assigned[-1]) if assigned else made


def _is_method(call: ast.Call) -> bool:
    """Whether a call is one of a method, and not ``np.copy(x)``."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return owner is not None and not (isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "torch"))


def _assignments(file: str, line: int, target: str) -> Iterator[tuple[int, ast.expr]]:
    """Yield where a name is assigned in the scope of a line: in its class for attributes."""
    kinds = (ast.ClassDef, ast.Module) if "." in target else _SCOPES
    scopes = [node for node in _around(file, line) if isinstance(node, kinds)]
    for node in _own_nodes(scopes[-1], into_functions="." in target) if scopes else ():
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        else:
            continue
        if node.value is not None and any(ast.unparse(each) == target for each in targets):
            yield node.lineno, node.value


def _own_nodes(scope: ast.AST, *, into_functions: bool) -> Iterator[ast.AST]:
    """Yield the nodes of a scope in the order of the source, without those of scopes inside it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if into_functions or not isinstance(node, _SCOPES):
            yield from _own_nodes(node, into_functions=into_functions)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _around(file: str, line: int) -> list[ast.AST]:
    """Return the nodes that span a line, outer ones first."""
    tree = _parsed("".join(linecache.getlines(file)))
    if tree is None:
        return []
    spans = ((node, getattr(node, "lineno", 1), getattr(node, "end_lineno", None)) for node in ast.walk(tree))
    return [tree, *(node for node, first, last in spans if last is not None and first <= line <= last)]


@functools.lru_cache(maxsize=32)
def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None
