"""Which protocols an object supports, and what each of them would hand out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy_bridge.errors import SharingError
from numpy_bridge.outcome import Outcome
from numpy_bridge.tensors import is_tensor

from .model import Description, Protocol
from .offer import Offer

METHOD = "__array__"
"""The protocol that is not asked here: it may copy, compute, or pin."""


def protocols(offer: Offer, description: Description, answers: Mapping[str, Any]) -> tuple[Protocol, ...]:
    """Return what each protocol of the object answered. `answers` are those of `_core.ask_protocols`."""
    heard = dict(answers)
    if METHOD in answers and answers[METHOD] is None:
        heard[METHOD] = _answer_of_method(offer, answers)
    return tuple(_protocol(offer.x, description, name, answer) for name, answer in heard.items())


def is_computed(answers: Mapping[str, Any]) -> bool:
    """Whether nothing but `__array__` gives the memory, so that asking again may compute it again."""
    return METHOD in answers and not any(isinstance(answer, dict) for answer in answers.values())


def _answer_of_method(offer: Offer, answers: Mapping[str, Any]) -> Any:
    """Return the answer of `__array__` that `view` got; None if `view` did not ask it."""
    if is_tensor(offer.x) or not is_computed(answers):
        return None
    if offer.memory is not None:
        return {"dtype": offer.memory.dtype, "readonly": offer.memory.readonly}
    return offer.refusal


def _protocol(x: Any, description: Description, name: str, answer: Any) -> Protocol:
    if answer is None:
        cost = "torch's pins the storage for good" if is_tensor(x) else "it may copy"
        return Protocol(name, Outcome.UNTRIED, cost)
    if isinstance(answer, BufferError):
        return Protocol(name, Outcome.REFUSES, _reason(name, answer))
    said = []
    if description.memory and answer["dtype"] != description.memory.dtype:
        said.append(f"as {answer['dtype']}")
    if description.flags:
        said.append(f"the stored values, without: {', '.join(description.flags)}")
    return Protocol(name, Outcome.READONLY if answer["readonly"] else Outcome.SHARES, "; ".join(said))


def _reason(name: str, refusal: BufferError) -> str:
    """Return the line about one protocol, of a refusal that may name several."""
    several = isinstance(refusal, SharingError) and refusal.field == "protocols"
    lines = refusal.args[3].split("\n") if several else ()
    return next((line for line in lines if line.startswith(f"{name}: ")), str(refusal))
