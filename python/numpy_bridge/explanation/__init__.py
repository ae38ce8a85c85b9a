"""`numpy_bridge.explain`: the memory of an object, the calls that share it, the overlap of two objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, overload

if TYPE_CHECKING:
    from .model import Explanation, Relation

_NOT_GIVEN: Final[Any] = object()  # `b` may be None, by mistake: that is then explained


@overload
def explain(a: Any) -> Explanation: ...


@overload
def explain(a: Any, b: Any) -> Relation: ...


def explain(a: Any, b: Any = _NOT_GIVEN) -> Explanation | Relation:
    """Explain the memory of an object and which calls share it, or how two objects overlap.

    Nothing is changed: tensors stay resizable, and no reference to the objects is kept. No library is
    imported. Calls of imported libraries are tried on a small object of the same kind.

    Parameters
    ----------
    a : object
        Any object, shareable or not.
    b : object, optional
        Another object to compare with.

    Returns
    -------
    Explanation or Relation
        Of one object, true if `view` shares it. Of two, true if they have a byte in common. Print it, show
        it in a notebook, save its ``svg``, or use its fields.
    """
    from . import run

    return run.of_object(a) if b is _NOT_GIVEN else run.of_pair(a, b)
