"""Which versions the tests have run with; docs/platforms.md has the same numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

TESTED: Final = {"python": ("3.10", "3.13"), "numpy": ("1.26", "2.4"), "torch": ("2.13", "2.14")}
"""The oldest and the newest version of each."""


def newer(found: Mapping[str, str]) -> dict[str, str]:
    """Return those of `found`, versions by name, that are newer than any that was tested.

    >>> newer({"numpy": "2.4.6", "torch": "3.0.0a1+cpu"})
    {'torch': '3.0.0a1+cpu'}
    """
    known = {name: version for name, version in found.items() if name in TESTED}
    return {name: version for name, version in known.items() if _minor(version) > _minor(TESTED[name][1])}


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
