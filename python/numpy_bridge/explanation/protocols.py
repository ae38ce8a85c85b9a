"""Which protocols an object supports, and what each of them would hand out."""

from __future__ import annotations

from typing import Any

from numpy_bridge import _core
from numpy_bridge.outcome import Outcome
from numpy_bridge.tensors import is_tensor

from .model import Description, Protocol


def protocols(x: Any, description: Description) -> tuple[Protocol, ...]:
    """Ask `x` for its memory by every protocol that neither copies nor changes it; release it at once."""
    return tuple(_protocol(x, description, *answer) for answer in _core.ask_protocols(x))


def _protocol(x: Any, description: Description, name: str, answer: Any) -> Protocol:
    if answer is None:
        cost = "torch's pins the storage for good" if is_tensor(x) else "it may copy"
        return Protocol(name, Outcome.UNTRIED, cost)
    if isinstance(answer, BufferError):
        return Protocol(name, Outcome.REFUSES, str(answer))
    said = []
    if description.memory and answer["dtype"] != description.memory.dtype:
        said.append(f"as {answer['dtype']}")
    if description.flags:
        said.append(f"the stored values, without: {', '.join(description.flags)}")
    return Protocol(name, Outcome.READONLY if answer["readonly"] else Outcome.SHARES, "; ".join(said))
