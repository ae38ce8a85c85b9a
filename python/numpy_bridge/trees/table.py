"""`explain(x, tree=True)`: the arrays of a tree, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import TooHardError
from numpy_bridge.explanation.model import Description, Shown
from numpy_bridge.explanation.run import described
from numpy_bridge.explanation.text import Cells, Outline, Section
from numpy_bridge.libraries import type_name
from numpy_bridge.outcome import Outcome
from numpy_bridge.units import size

from .leaves import Leaves, leaves_of, paths_of
from .overlap import crossing, spans_of

_COLUMNS = ("leaf", "outcome", "elements", "shape", "type", "why")


@dataclass(frozen=True, repr=False)
class TreeExplanation(Shown):
    """The arrays of a tree. True if `numpy_bridge.view` shares all of them.

    Holds no reference to the tree or its memory.

    Attributes
    ----------
    type : str
        The type of the outermost container.
    arrays : mapping of str to Description
        Each array by its path, an expression in which ``tree`` is the object explained.
    values : int
        How many leaves are values, such as numbers and strings, which are passed on as they are.
    aliases : mapping of str to str
        By the path of an array, the path of an earlier one that has memory in common with it.
    """

    type: str
    arrays: Mapping[str, Description]
    values: int
    aliases: Mapping[str, str]

    def __bool__(self) -> bool:
        return not any(what.refusal for what in self.arrays.values())

    @property
    def outline(self) -> Outline:
        refused = sum(bool(what.refusal) for what in self.arrays.values())
        verdict = f"{refused} of them cannot be shared" if refused else "all of them can be shared"
        facts = [
            ("arrays", f"{len(self.arrays)}, {size(sum(map(_nbytes, self.arrays.values())))}"),
            ("values", f"{self.values}, passed on as they are"),
        ]
        rows = tuple(self._row(path, what) for path, what in self.arrays.items())
        sections = [Section("Tree", tuple(facts))]
        if rows:
            sections.append(Section("Arrays", rows, _COLUMNS))
        arrays = f"{len(self.arrays)} array{'s' * (len(self.arrays) != 1)}"
        return Outline(f"{self.type} with {arrays}: {verdict}", "bad" if refused else "good", tuple(sections))

    @property
    def svg(self) -> str:
        return ""

    def _row(self, path: str, what: Description) -> Cells:
        memory = what.memory
        elements, shape = (memory.dtype, str(memory.shape)) if memory else ("", "")
        alias = self.aliases.get(path)
        notes = [what.refusal, what.mapped, f"shares memory with {alias}" if alias else ""]
        return path, _outcome(what), elements, shape, what.type, "; ".join(note for note in notes if note)


def explain(x: Any, tree: bool | str) -> TreeExplanation:
    """Describe every array of a tree: `numpy_bridge.explain` with ``tree=True``."""
    leaves = taken, values, structure = leaves_of(x, tree)
    paths = paths_of(structure, "tree")
    arrays = {
        path: described(leaf) for path, leaf in zip(paths, taken, strict=True) if type(leaf) not in values
    }
    return TreeExplanation(type_name(x), arrays, len(paths) - len(arrays), _aliases(leaves, paths, arrays))


def _outcome(what: Description) -> Outcome:
    if what.refusal:
        return Outcome.REFUSES
    return Outcome.READONLY if what.memory and what.memory.readonly else Outcome.SHARES


def _nbytes(what: Description) -> int:
    return what.memory.nbytes if what.memory else 0


def _aliases(leaves: Leaves, paths: list[str], arrays: Mapping[str, Description]) -> dict[str, str]:
    """Find for each array the first one before it that has a byte in common with it."""
    located = {i for i, path in enumerate(paths) if path in arrays and arrays[path].memory}
    found: dict[int, int] = {}
    for one, two in crossing(list(spans_of(leaves, only=located))):
        earlier, later = sorted((one.place, two.place))
        if earlier < found.get(later, later) and _share(one.array, two.array):
            found[later] = earlier
    return {paths[later]: paths[earlier] for later, earlier in sorted(found.items())}


def _share(a: Any, b: Any) -> bool:
    try:
        return _core.shares_memory(a, b)
    except TooHardError:
        return False
