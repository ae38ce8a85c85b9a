"""One object, asked for its memory once: the answer is kept, because the object may compute it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.memory import Memory
from numpy_bridge.tensors import is_tensor, unpinned_view


class Offer(NamedTuple):
    """An object, and a View of its memory or the reason why there is none.

    Parameters
    ----------
    x : object
        The object itself.
    view : View or None
        The memory that `numpy_bridge.view` shares.
    refusal : Exception or None
        Why there is no View. Without a traceback, which would keep `x` in a reference cycle.
    memory : Memory or None
        Its description. A tensor that is refused for its values has an address all the same.
    """

    x: Any
    view: _core.View | None
    refusal: Exception | None
    memory: Memory | None

    @property
    def addressed(self) -> Any:
        """The View, or `x` without one: what is compared with other memory."""
        return self.x if self.view is None else self.view


def offer_of(x: Any) -> Offer:
    """Ask one object."""
    try:
        view = unpinned_view(x)
    except (SharingError, TypeError) as error:
        return Offer(x, None, error.with_traceback(None), _address_of(x))
    return Offer(x, view, None, Memory.of(x if is_tensor(x) else view))


def offer_and_answers(x: Any) -> tuple[Offer, Mapping[str, Any]]:
    """Ask one object by every protocol, each of them once; the answers are those of `_core.ask_protocols`."""
    found, answers = _core.ask_protocols(x)
    if isinstance(found, _core.View):
        return Offer(x, found, None, Memory.of(found)), dict(answers)
    return (offer_of(x) if found is None else Offer(x, None, found, None)), dict(answers)


def offers_of(parts: Iterable[tuple[str, Any]]) -> Sequence[tuple[str, Offer]]:
    """Ask each object, and keep its name."""
    return [(name, offer_of(part)) for name, part in parts]


def _address_of(x: Any) -> Memory | None:
    try:
        return Memory.of(x) if is_tensor(x) else None
    except (SharingError, TypeError):
        return None
