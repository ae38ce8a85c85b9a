"""Names that only count, as in ``for i in range(n)``: a subscript by one of them picks no elements."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

_OTHER_NAMES = ("arg", "name", "asname", "id", "rest")


def counters(module: ast.Module) -> frozenset[str]:
    """Return the names that nothing in a module binds but loops over `range` and `enumerate`."""
    bound, counting = Counter[str](), Counter[str]()
    for node in ast.walk(module):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            counting.update(_counting(node.target, node.iter))
        bound.update(_bound(node))
    return frozenset(name for name, times in counting.items() if times == bound[name])


def _counting(target: ast.expr, iterated: ast.expr) -> Iterator[str]:
    if not (isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name)):
        return
    if iterated.func.id == "enumerate" and isinstance(target, ast.Tuple):
        target = target.elts[0]
    elif iterated.func.id != "range":
        return
    if isinstance(target, ast.Name):
        yield target.id


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds: variables, arguments, functions, classes, imports, patterns."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
        return
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names
    for field in _OTHER_NAMES:
        name = getattr(node, field, None)
        if isinstance(name, str):
            yield name
