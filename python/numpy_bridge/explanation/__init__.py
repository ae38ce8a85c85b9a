"""`numpy_bridge.explain`: the memory of an object, the calls that share it, the overlap of two objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, overload

if TYPE_CHECKING:
    from numpy_bridge.trees.table import TreeExplanation

    from .model import Explanation, Relation


class _NotGiven:
    """The default of `b`, which may be None, by mistake: that is then explained."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


_NOT_GIVEN: Final[Any] = _NotGiven()


@overload
def explain(a: Any, *, tree: Literal[False] = ...) -> Explanation: ...


@overload
def explain(a: Any, b: Any) -> Relation: ...


@overload
def explain(a: Any, *, tree: Literal[True] | str) -> TreeExplanation: ...


def explain(
    a: Any, b: Any = _NOT_GIVEN, *, tree: bool | str = False
) -> Explanation | Relation | TreeExplanation:
    """Explain the memory of an object and which calls share it, or how two objects overlap.

    Nothing is changed: tensors stay resizable, and no reference to the objects is kept. No library is
    imported. Calls of imported libraries are tried on a small object of the same kind.

    Parameters
    ----------
    a : object
        Any object, shareable or not.
    b : object, optional
        Another object to compare with.
    tree : bool or str, default False
        Describe every array in the nested containers `a`, in one table; see `numpy_bridge.trees`.

    Returns
    -------
    Explanation, Relation or TreeExplanation
        Of one object, true if `view` shares it. Of two, true if they have a byte in common. Of a tree, true
        if `view` shares each array. Print it, show it in a notebook, save its ``svg``, or use its fields.

    Examples
    --------
    >>> array = np.zeros(10)
    >>> print(str(bridge.explain(array[::-1])).splitlines()[0])
    numpy.ndarray float64 (10,): NumPy yes, torch no; use bridge.to_torch(x[::-1])
    >>> print(str(bridge.explain(array[:6], array[4:])).splitlines()[0])
    a, numpy.ndarray float64 (6,), and b, numpy.ndarray float64 (6,): partial overlap
    """
    if tree:
        if b is not _NOT_GIVEN:
            raise TypeError("tree=True explains one tree; shares_memory(a, b, tree=True) compares two")
        from numpy_bridge import trees

        return trees.explain(a, tree)
    from . import run

    return run.of_object(a) if b is _NOT_GIVEN else run.of_pair(a, b)
