"""Which classes are containers: those of optree, those that are registered elsewhere, and dataclasses.

optree looks a class up in one namespace. Ours gets the classes that were registered with torch, with jax, or
in the namespace that the caller names, and plain dataclasses. Each is added when it is first met.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

import optree

OWN = "numpy_bridge"
"""The prefix of our namespaces in optree."""

_PROTOCOLS = (
    *("__array_interface__", "__array_struct__", "__cuda_array_interface__"),
    *("__dlpack__", "__array__", "__buffer__"),
)


class KeyEntry(optree.PyTreeEntry):
    """A step of a path, written as the library that registered the class writes it."""

    def codify(self, /, node: str = "") -> str:
        """Return the expression for the child of `node`."""
        return f"{node}{self.entry}"


Way = tuple[Callable[[Any], Any], Callable[[Any, Iterable[Any]], Any], type[optree.PyTreeEntry]]
"""How optree takes an object apart, how it makes another one of the parts, and how it names them."""


_in_order: dict[str, AbstractContextManager[None]] = {}
"""Our namespaces, each with what makes optree keep the order of dicts there instead of sorting their keys."""


def namespace_for(tree: bool | str) -> str:
    """Return the namespace in which classes are looked up; `tree` is what the caller passed."""
    name = f"{OWN}:{tree}" if isinstance(tree, str) else OWN
    if name not in _in_order:
        _keep_order_in(name)
    return name


def _keep_order_in(name: str) -> None:
    _in_order[name] = optree.dict_insertion_ordered(True, namespace=name)
    _in_order[name].__enter__()


_keep_order_in(OWN)


def has_protocol(kind: type) -> bool:
    """Return whether objects of a class offer memory, so that they are leaves."""
    return any(hasattr(kind, name) for name in _PROTOCOLS)


def add(kind: type, example: Any, tree: bool | str) -> bool:
    """Make optree know `kind` as a container, if it is one. Return whether it is."""
    named = _from_optree(kind, tree) if isinstance(tree, str) else None
    known = named or _from_torch(kind) or _from_optree(kind, "torch")
    way = known or _from_jax(kind, example) or _as_dataclass(kind)
    if way is None:
        return False
    apart, together, entry = way
    name = namespace_for(tree)
    with suppress(ValueError):  # another thread was first
        optree.register_pytree_node(kind, apart, together, path_entry_type=entry, namespace=name)
    return True


def _from_optree(kind: type, namespace: str) -> Way | None:
    found = optree.register_pytree_node.get(kind, namespace=namespace)
    return (found.flatten_func, found.unflatten_func, found.path_entry_type) if found else None


def _from_torch(kind: type) -> Way | None:
    module = sys.modules.get("torch.utils._pytree")
    node = module.SUPPORTED_NODES.get(kind) if module else None
    if node is None:
        return None

    def apart(x: Any) -> Any:
        if node.flatten_with_keys_fn is None:
            return node.flatten_fn(x)
        keyed, context = node.flatten_with_keys_fn(x)
        keys, children = zip(*keyed, strict=True) if keyed else ((), ())
        return children, context, keys

    entry = optree.AutoEntry if node.flatten_with_keys_fn is None else KeyEntry
    return apart, lambda context, children: node.unflatten_fn(list(children), context), entry


def _from_jax(kind: type, example: Any) -> Way | None:
    jax = sys.modules.get("jax")
    trees = getattr(jax, "tree_util", None)
    if trees is None or trees.all_leaves([example]):
        return None

    def apart(x: Any) -> Any:
        keyed, structure = trees.tree_flatten_with_path(x, is_leaf=lambda part: part is not x)
        return [child for _, child in keyed], structure, ["".join(map(str, path)) for path, _ in keyed]

    return apart, lambda structure, children: structure.unflatten(children), KeyEntry


def _attributes_of(x: Any) -> dict[str, Any]:
    """Return the attributes of an object; none if its class has slots only."""
    return getattr(x, "__dict__", {})


def _as_dataclass(kind: type) -> Way | None:
    """Rebuild as a shallow copy. The class is not called: frozen ones work, and no `__post_init__` runs."""
    if not dataclasses.is_dataclass(kind) or has_protocol(kind):
        return None
    try:
        object.__new__(kind)
    except TypeError:  # it derives from dict or another class of C
        return None
    names = [field.name for field in dataclasses.fields(kind)]

    def apart(x: Any) -> Any:
        set_ones = [name for name in names if hasattr(x, name)]
        return [getattr(x, name) for name in set_ones], (x, set_ones), set_ones

    def together(context: Any, children: Iterable[Any]) -> Any:
        original, set_ones = context
        made = object.__new__(kind)
        _attributes_of(made).update(_attributes_of(original))
        for name, child in zip(set_ones, children, strict=True):
            object.__setattr__(made, name, child)
        return made

    return apart, together, optree.GetAttrEntry
