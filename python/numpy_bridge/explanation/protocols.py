"""Which protocols an object speaks, and what each of them would hand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy_bridge import _core
from numpy_bridge.tensors import is_tensor

from .description import Description


@dataclass(frozen=True)
class Protocol:
    """One protocol that an object speaks.

    Attributes
    ----------
    name : str
        "buffer", "__dlpack__", ...
    outcome : {"shares", "refuses", "not asked"}
        What a request for the memory gets.
    because : str
        Why; also what the protocol leaves out.
    """

    name: str
    outcome: Literal["shares", "refuses", "not asked"]
    because: str


def protocols(x: Any, description: Description) -> tuple[Protocol, ...]:
    """Ask `x` for its memory in every way that cannot cost or change anything, and give it back at once."""
    return tuple(_protocol(x, description, *answer) for answer in _core.ask_protocols(x))


def _protocol(x: Any, description: Description, name: str, answer: Any) -> Protocol:
    if answer is None:
        cost = "torch's pins the storage for good" if is_tensor(x) else "it may copy"
        return Protocol(name, "not asked", cost)
    if isinstance(answer, BufferError):
        return Protocol(name, "refuses", str(answer))
    said = ["read-only"] if answer["readonly"] else []
    if description.memory and answer["dtype"] != description.memory.dtype:
        said.append(f"as {answer['dtype']}")
    if description.flags:
        said.append(f"the stored values, without: {', '.join(description.flags)}")
    return Protocol(name, "shares", "; ".join(said))
