"""What `explain` returns. Objects, owners and calls in words and numbers: nothing of them is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from numpy_bridge.memory import Memory
from numpy_bridge.memory.overlap import Overlap
from numpy_bridge.memory.picture import memory_map
from numpy_bridge.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .text import Outline

Movable = Literal["no", "yes", "unknown"]


@dataclass(frozen=True)
class Owner:
    """One object in the chain, without the object.

    Attributes
    ----------
    type : str
        Its type, with the module.
    note : str
        What is known of its block.
    """

    type: str
    note: str

    def __str__(self) -> str:
        return f"{self.type} ({self.note})" if self.note else self.type


@dataclass(frozen=True)
class Description:
    """What an object is as memory. Holds neither the object nor its memory.

    Attributes
    ----------
    type, library : str
        Type of the object, and the package that it comes from.
    memory : Memory or None
        None for objects without memory that can be described.
    refusal : str
        Why `numpy_bridge.view` refuses the object; empty if it shares it.
    flags : tuple of str
        Of tensors: what makes memory and values differ, or autograd watch them.
    owners : tuple of Owner
        Whose view the object is, whose view that is, and so on. The last one owns the block.
    movable : {"no", "yes", "unknown"}
        Whether the owner may still move or free the block under an alias made without numpy_bridge.
    movable_because : str
        How that is known.
    """

    type: str
    library: str
    memory: Memory | None
    refusal: str
    flags: tuple[str, ...]
    owners: tuple[Owner, ...]
    movable: Movable
    movable_because: str


@dataclass(frozen=True)
class Protocol:
    """One protocol that an object supports.

    Attributes
    ----------
    name : str
        "buffer", "__dlpack__", ...
    outcome : Outcome
        Of a request for the memory: shares, read-only, refuses or untried.
    because : str
        Why; also what the protocol leaves out.
    """

    name: str
    outcome: Outcome
    because: str


@dataclass(frozen=True)
class Target:
    """What one call makes of an object's memory.

    Attributes
    ----------
    library : str
        Who takes the memory: "NumPy", "torch", "buffer", "DLPack", ...
    call : str
        The call, of an object named x.
    outcome : Outcome
        "crashes" stands for calls that are not made because they may end the process.
    because : str
        Why, or what to know about the result.
    instead : str
        A call that shares; if none does, one that is documented to copy. Empty if the call itself shares.
    """

    library: str
    call: str
    outcome: Outcome
    because: str = ""
    instead: str = ""


class Shown:
    """Text, HTML and a picture of what was found."""

    @property
    def outline(self) -> Outline:
        """The text, in sections."""
        raise NotImplementedError

    @property
    def svg(self) -> str:
        """A memory map: an SVG document, readable in light and dark; empty if there is no memory."""
        raise NotImplementedError

    def __repr__(self) -> str:
        from .terminal import to_text

        return to_text(self.outline)

    def __rich__(self) -> RenderableType:
        from .terminal import to_rich

        return to_rich(self.outline)

    def _repr_html_(self) -> str:
        from .page import to_html

        return to_html(self.outline, self.svg)


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """What one object is as memory, and who could share it. True if `numpy_bridge.view` shares it.

    Holds no reference to the object or its memory.

    Attributes
    ----------
    what : Description
        Type, memory, owners.
    protocols : tuple of Protocol
        Those that the object supports, and the outcome of each.
    targets : tuple of Target
        The outcome of each library's calls and of ours.
    """

    what: Description
    protocols: tuple[Protocol, ...]
    targets: tuple[Target, ...]

    def __bool__(self) -> bool:
        return not self.what.refusal

    @property
    def outline(self) -> Outline:
        from .text import of_object

        return of_object(self.what, self.protocols, self.targets)

    @property
    def svg(self) -> str:
        return memory_map({"x": self.what.memory}) if self.what.memory else ""


@dataclass(frozen=True, repr=False)
class Relation(Shown):
    """How two objects lie in memory. True if a byte is in both.

    Holds no reference to the objects or their memory.

    Attributes
    ----------
    a, b : Description
        The two objects.
    overlap : Overlap
        What kind of overlap, and how much of each, exactly.
    origin : str
        Which came from which; empty where nothing is known.
    advice : str
        What to change.
    """

    a: Description
    b: Description
    overlap: Overlap
    origin: str
    advice: str

    def __bool__(self) -> bool:
        return bool(self.overlap.shares)

    @property
    def outline(self) -> Outline:
        from .text import of_pair

        return of_pair(self.a, self.b, self.overlap, self.origin, self.advice)

    @property
    def svg(self) -> str:
        if self.a.memory is None or self.b.memory is None:
            return ""
        return memory_map({"a": self.a.memory, "b": self.b.memory}, self.overlap.bytes)
