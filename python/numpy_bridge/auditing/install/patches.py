"""Attributes that are replaced while an audit runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple


class Patch(NamedTuple):
    """One attribute of a module or class, which may inherit it, or one value of a dictionary."""

    holder: Any
    name: Any
    original: Any
    stand_in: Any
    inherited: bool

    def apply(self) -> None:
        """Put the stand-in in place of the original, unless the program has replaced that."""
        if self._own().get(self.name) is (None if self.inherited else self.original):
            self._set(self.stand_in)

    def revert(self) -> None:
        """Put the original back, unless the program has replaced the stand-in."""
        if self._own().get(self.name) is not self.stand_in:
            return
        if self.inherited:
            delattr(self.holder, self.name)
        else:
            self._set(self.original)

    def _own(self) -> Mapping[Any, Any]:
        return self.holder if isinstance(self.holder, dict) else vars(self.holder)

    def _set(self, value: Any) -> None:
        if isinstance(self.holder, dict):
            self.holder[self.name] = value
        else:
            setattr(self.holder, self.name, value)


class Patches:
    """All patches of this process. They can be suspended, and suspensions may nest."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # held while patches change
        self._patches: list[Patch] = []
        self._suspensions = 0

    def __iter__(self) -> Iterator[Patch]:
        return iter(tuple(self._patches))

    def add(self, patch: Patch) -> None:
        """Apply one more patch, or later if patches are suspended."""
        self._patches.append(patch)
        if not self._suspensions:
            patch.apply()

    def clear(self) -> None:
        """Revert and forget all patches. Suspensions remain."""
        self._revert()
        self._patches.clear()

    def suspend(self) -> None:
        """Revert all patches until the matching `resume`."""
        with self.lock:
            self._suspensions += 1
            if self._suspensions == 1:
                self._revert()

    def resume(self) -> None:
        """Undo one `suspend`."""
        with self.lock:
            self._suspensions -= 1
            if not self._suspensions:
                self._apply()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend all patches inside the block."""
        self.suspend()
        try:
            yield
        finally:
            self.resume()

    def end_suspensions(self) -> None:
        """End all suspensions, in a forked process: the threads that would resume are not in it."""
        if self._suspensions:
            self._suspensions = 0
            self._apply()

    def _apply(self) -> None:
        for patch in self._patches:
            patch.apply()

    def _revert(self) -> None:
        for patch in reversed(self._patches):
            patch.revert()
