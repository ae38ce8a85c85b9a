"""Whose copies count: those of the program's own lines, or of some modules not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .place import CallSite


class Scope(NamedTuple):
    """The copies that count.

    Parameters
    ----------
    only_mine : bool
        Whether only copies at lines of the program count: not those inside installed libraries.
    allowed : tuple of str
        Modules and packages whose copies do not count, own ones and installed ones.
    """

    only_mine: bool = False
    allowed: tuple[str, ...] = ()

    def has(self, place: CallSite) -> bool:
        """Whether a copy that was made there counts."""
        if self.only_mine and place.in_library:
            return False
        return not any(_is_in(place, module) for module in self.allowed)


def scope_of(only: str | None, allow: Iterable[str]) -> Scope:
    """Return the scope of the arguments of `no_copies`, after a check."""
    if only not in (None, "mine"):
        raise ValueError(f'only is "mine" or None, not {only!r}')
    if isinstance(allow, str):
        raise TypeError(f"allow is a list of modules: allow=[{allow!r}]")
    return Scope(only == "mine", tuple(allow))


def _is_in(place: CallSite, module: str) -> bool:
    """Whether a copy was made by a module or package: by its library function, or at its line."""
    if f"{place.through}.".startswith(f"{module}."):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if not isinstance(file, str):
        return False
    folder, name = os.path.split(file)
    return place.file == file or (name == "__init__.py" and place.file.startswith(folder + os.sep))
