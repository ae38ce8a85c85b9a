"""The results of `explain`: words and numbers only, no reference to the objects explained."""

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
    """One object in the chain of owners. Holds no reference to it.

    Attributes
    ----------
    type : str
        Its type, with the module.
    note : str
        Size and state of its block, as far as known.
    """

    type: str
    note: str

    def __str__(self) -> str:
        return f"{self.type} ({self.note})" if self.note else self.type


@dataclass(frozen=True)
class Description:
    """One object as memory. Holds no reference to either.

    Attributes
    ----------
    type, library : str
        Type of the object, and the name of its library.
    memory : Memory or None
        None for objects without memory that can be described.
    refusal : str
        Why `numpy_bridge.view` refuses the object; empty if it shares it.
    flags : tuple of str
        Of tensors: flags that make values differ from memory, or involve autograd.
    owners : tuple of Owner
        The object that this one is a view of, the next one, and so on. The last one owns the block.
    movable : {"no", "yes", "unknown"}
        Whether the owner may still move or free the block under an alias made without numpy_bridge.
    movable_because : str
        The reason for that answer.
    mapped : str
        The file, object store or shared block that the memory is mapped from, and what a write would do.
        Empty for memory of this process.
    """

    type: str
    library: str
    memory: Memory | None
    refusal: str
    flags: tuple[str, ...]
    owners: tuple[Owner, ...]
    movable: Movable
    movable_because: str
    mapped: str = ""


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
        The reason, and properties that the protocol leaves out.
    """

    name: str
    outcome: Outcome
    because: str


@dataclass(frozen=True)
class Target:
    """One call that takes an object's memory, and its outcome.

    Attributes
    ----------
    library : str
        The library or protocol that takes the memory: "NumPy", "torch", "buffer", "DLPack", ...
    call : str
        The call, of an object named x.
    outcome : Outcome
        "unsafe" stands for calls that are not made because they may end the process.
    because : str
        The reason, or a property of the result.
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
    """The memory of one object, and the calls that share it. True if `numpy_bridge.view` shares it.

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
        The kind of overlap, and the exact amount of each.
    origin : str
        Which was made from which; empty if unknown.
    advice : str
        A change that separates or joins them.
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
