"""A tree taken apart: its leaves, their paths, and how it is built again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
import optree

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import BY_NAME, library_of

from . import nodes

VALUES = (str, Number, Enum, np.generic)
"""Leaves that are passed on as they are, besides None. Their subclasses are too."""

Leaves = tuple[list[Any], frozenset[type], optree.PyTreeSpec]
"""Every leaf but None, in order; the classes of those that are values; the containers."""

_PLAIN: frozenset[type] = frozenset((int, float, str))
"""Values that `_core` tells from containers by itself, as it does arrays, tensors and Views."""

_value_kinds: set[type] = {bool, complex}
_array_kinds: set[type] = {bytes, bytearray, memoryview}
"""Classes that are leaves: those of known libraries, which never go away."""


def leaves_of(tree: Any, asked: bool | str) -> Leaves:
    """Take a tree apart; `asked` is what the caller passed as ``tree``.

    Raises
    ------
    SharingError
        If a container holds itself, or if there are more levels than optree follows.
    """
    namespace = nodes.OWN if asked is True else nodes.namespace_for(asked)
    while True:
        try:
            leaves, structure = optree.tree_flatten(tree, _core.is_leaf, namespace=namespace)
        except RecursionError:
            raise _too_deep() from None
        kinds = _core.unfamiliar_kinds(leaves)
        if not kinds:
            return leaves, _PLAIN, structure
        if not _learned(leaves, kinds, asked):
            return leaves, _PLAIN | kinds, structure


def paths_of(structure: optree.PyTreeSpec, root: str) -> list[str]:
    """Return the expression for each leaf, where `root` stands for the tree."""
    return [accessor.codify(root) for accessor in structure.accessors()]


def rebuilt(tree: Any, structure: optree.PyTreeSpec, leaves: Sequence[Any]) -> Any:
    """Return new containers like those of `tree`, with these leaves.

    torch keeps the versions of modules in an attribute of a state dict, which is an OrderedDict. Such
    attributes are kept if it is the tree, or a value of a dict that is the tree.
    """
    made = structure.unflatten(leaves)
    if type(tree) is OrderedDict:
        vars(made).update(vars(tree))
    elif type(tree) is dict:
        for key, part in tree.items():
            if type(part) is OrderedDict:
                vars(made[key]).update(vars(part))
    return made


def _learned(leaves: Sequence[Any], kinds: set[type], asked: bool | str) -> bool:
    """Leave those of values in `kinds`. Return whether a class that is met the first time is a container."""
    kinds -= _array_kinds
    containers = False
    for kind in kinds - _value_kinds:
        example = next(leaf for leaf in leaves if type(leaf) is kind)
        stays = library_of(example) in BY_NAME
        if issubclass(kind, VALUES):
            if stays:
                _value_kinds.add(kind)
            continue
        kinds.remove(kind)
        if nodes.add(kind, example, asked):
            containers = True
        elif stays and nodes.has_protocol(kind):
            _array_kinds.add(kind)
    return containers


def _too_deep() -> SharingError:
    hint = "look for a container that holds itself, or convert the deep part on its own"
    levels = optree.MAX_RECURSION_DEPTH
    return SharingError("tree", "depth", f"at most {levels} levels and no cycles", "more levels", hint)
