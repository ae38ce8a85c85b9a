"""`numpy_bridge.explain`: what an object is as memory, who could share it, how two objects overlap."""

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
    """Explain what an object is as memory and who could share it, or how two objects relate.

    Nothing is changed: tensors stay resizable, and nothing of the objects is held afterwards. Libraries that
    the program has not imported are not imported. What other libraries' calls do is found out by making
    them on something small of the same kind.

    Parameters
    ----------
    a : object
        Anything, also what cannot be shared.
    b : object, optional
        Something to compare with.

    Returns
    -------
    Explanation or Relation
        Of one object, true if `view` shares it. Of two, true if they have a byte in common. Print it, show
        it in a notebook, save its ``svg``, or use its fields.
    """
    from . import run

    return run.of_object(a) if b is _NOT_GIVEN else run.of_pair(a, b)
