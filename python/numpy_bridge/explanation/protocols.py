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
"""The protocol that may copy, compute, or pin. It is asked only if `view` needs it."""


def protocols(offer: Offer, description: Description, answers: Mapping[str, Any]) -> tuple[Protocol, ...]:
    """Return what each protocol of the object answered. `answers` are those of `_core.ask_protocols`."""
    return tuple(_protocol(offer.x, description, name, answer) for name, answer in answers.items())


def is_computed(answers: Mapping[str, Any]) -> bool:
    """Whether nothing but `__array__` gives the memory, so that asking again may compute it again."""
    others = (answer for name, answer in answers.items() if name != METHOD)
    return answers.get(METHOD) is not None and not any(isinstance(answer, dict) for answer in others)


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
