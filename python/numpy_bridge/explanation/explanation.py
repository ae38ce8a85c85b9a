"""What `explain` returns: facts to program with, that show themselves as text, HTML and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import relation, wording
from .description import Description
from .memory_map import memory_map
from .outline import Outline
from .protocols import Protocol
from .rendering import to_html, to_rich, to_text
from .targets import Target

if TYPE_CHECKING:
    from rich.console import RenderableType


class Shown:
    """Renderings of an outline and a memory map."""

    @property
    def outline(self) -> Outline:
        """The text, in sections."""
        raise NotImplementedError

    @property
    def svg(self) -> str:
        """A memory map: an SVG document, readable in light and dark; empty where there is no memory."""
        raise NotImplementedError

    def __str__(self) -> str:
        return to_text(self.outline)

    def __repr__(self) -> str:
        return to_text(self.outline)

    def __rich__(self) -> RenderableType:
        return to_rich(self.outline)

    def _repr_html_(self) -> str:
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
        Those that the object speaks, and what each hands out.
    targets : tuple of Target
        What each library's call and ours would do.
    """

    what: Description
    protocols: tuple[Protocol, ...]
    targets: tuple[Target, ...]

    def __bool__(self) -> bool:
        return not self.what.refusal

    @property
    def outline(self) -> Outline:
        return wording.of_object(self.what, self.protocols, self.targets)

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
    overlap: relation.Overlap
    origin: str
    advice: str

    def __bool__(self) -> bool:
        return bool(self.overlap.shares)

    @property
    def outline(self) -> Outline:
        return wording.of_pair(self.a, self.b, self.overlap, self.origin, self.advice)

    @property
    def svg(self) -> str:
        if self.a.memory is None or self.b.memory is None:
            return ""
        return memory_map({"a": self.a.memory, "b": self.b.memory}, self.overlap.bytes)
