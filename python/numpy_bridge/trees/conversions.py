"""Every array of a tree converted, or none of them.

All leaves are decided before a result is returned. Nothing stays behind if one is refused, not even a pinned
tensor: where that might happen, each leaf is first tried without a pin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError, TreeError
from numpy_bridge.tensors import is_tensor

from .leaves import Leaves, leaves_of, paths_of, rebuilt

Convert = Callable[[Any], Any]


class _Trial:
    """Decides on a leaf as a conversion would, but pins nothing.

    Parameters
    ----------
    share : callable
        Shares a leaf.
    always : callable, optional
        Copies a leaf that cannot be shared.
    refusable : bool, default False
        Whether `share` may refuse what `view` and `to_numpy` share.
    """

    def __init__(self, share: Convert, always: Convert | None = None, refusable: bool = False) -> None:
        self._share = share
        self._always = always
        self.refusable = refusable

    def __call__(self, leaf: Any) -> None:
        try:
            self._share(_core.values_of(leaf, False) if is_tensor(leaf) else leaf)
        except SharingError:
            if self._always is None:
                raise
            self._always(leaf)


_to_view = _Trial(_core.view)
_to_array = _Trial(_core.to_numpy)


def view(x: Any, readonly: bool, stream: Any, tree: bool | str) -> Any:
    """Share every array of a tree as a View: `numpy_bridge.view` with ``tree=True``."""
    stream = _given(stream)
    if not readonly and stream is None:
        return _converted(x, tree, _core.view, _to_view)
    share = partial(_core.view, readonly=readonly, stream=stream)
    return _converted(x, tree, share, _Trial(share))


def _given(argument: Any) -> Any:
    """`_core` passes False for what the caller has not given."""
    return None if argument is False else argument


def to_numpy(x: Any, copy: bool | None, dims: Any, tree: bool | str) -> Any:
    """Share every array of a tree with NumPy: `numpy_bridge.to_numpy` with ``tree=True``."""
    dims = _given(dims)
    if copy is False and dims is None:
        return _converted(x, tree, _core.to_numpy, _to_array)
    share = partial(_core.to_numpy, dims=dims)
    always = partial(share, copy=True)
    if copy:
        return _converted(x, tree, always)
    trial = _Trial(share, always if copy is None else None, refusable=dims is not None)
    return _converted(x, tree, partial(share, copy=copy), trial)


def to_torch(x: Any, copy: bool | None, allow_readonly: bool, dims: Any, tree: bool | str) -> Any:
    """Share every array of a tree with torch: `numpy_bridge.to_torch` with ``tree=True``."""
    dims = _given(dims)
    if copy is False and not allow_readonly and dims is None:
        return _converted(x, tree, _core.to_torch)
    share = partial(_core.to_torch, copy=copy, allow_readonly=allow_readonly, dims=dims)
    return _converted(x, tree, share)


def to(
    x: Any, convert: Callable[[Any, bool | None], Any], copy: bool | None, tree: bool | str, pins: bool
) -> Any:
    """Share every array of a tree with a library: `numpy_bridge.to` with ``tree=True``.

    Parameters
    ----------
    x : object
        The tree.
    convert : callable
        Takes an array and a value of `copy`, and converts the array.
    copy : bool or None
        As for `numpy_bridge.to`.
    tree : bool or str
        As the caller passed it.
    pins : bool
        Whether the library may share a tensor, which pins it.
    """
    share, always = (lambda leaf: convert(leaf, copy)), (lambda leaf: convert(leaf, True))
    if copy or not pins:
        return _converted(x, tree, share)
    return _converted(x, tree, share, _Trial(share, always if copy is None else None, refusable=True))


def _converted(x: Any, tree: bool | str, convert: Convert, trial: _Trial | None = None) -> Any:
    """Convert all arrays of a tree. `trial` is needed if `convert` pins tensors."""
    taken = leaves, values, structure = leaves_of(x, tree)
    if trial is not None and not _core.is_all_or_nothing(leaves, trial.refusable):
        _raise_refusals(taken, trial)
    try:
        made = _core.convert_each(leaves, convert, values)
    except (SharingError, TypeError) as error:
        first = error.with_traceback(None)  # which would keep this frame, and so the leaves
    else:
        return rebuilt(x, structure, made)
    _raise_refusals(taken, trial or convert)
    raise first


def _raise_refusals(leaves: Leaves, decide: Callable[[Any], object]) -> None:
    """Raise one error with the refusals of all leaves, if there are any."""
    if refusals := refusals_of(leaves, decide, "tree"):
        raise TreeError(refusals)


def refusals_of(taken: Leaves, decide: Callable[[Any], object], root: str) -> dict[str, SharingError]:
    """Return the refusal of each leaf that `decide` refuses, by its path."""
    leaves, values, structure = taken
    found = {}
    for path, leaf in zip(paths_of(structure, root), leaves, strict=True):
        if type(leaf) not in values:
            try:
                decide(leaf)
            except SharingError as error:
                found[path] = error.with_traceback(None)
            except TypeError as error:
                found[path] = _no_leaf(error)
    return found


def _no_leaf(error: TypeError) -> SharingError:
    expected = "an array, a value or a container"
    hint = "register its class with optree.register_pytree_node, or take it out of the tree"
    return SharingError("tree", "leaf", expected, str(error), hint)
