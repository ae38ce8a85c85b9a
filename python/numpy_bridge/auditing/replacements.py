"""What an audit puts in the place of something else, and how it is put back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

lock = threading.RLock()


class Replacement(NamedTuple):
    """One attribute of a module or class, or one value of a dictionary, with a stand-in for now."""

    holder: Any
    name: Any
    original: Any
    stand_in: Any
    inherited: bool

    def put_in(self) -> None:
        """Put the stand-in where the original is, unless the program has put something else there."""
        if self._own().get(self.name) is (None if self.inherited else self.original):
            self._set(self.stand_in)

    def take_out(self) -> None:
        """Put back what was there, unless the program has put something else there since."""
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


_all: list[Replacement] = []
_suspensions = 0


def everything() -> tuple[Replacement, ...]:
    """What is replaced now."""
    return tuple(_all)


def replace(replacement: Replacement) -> None:
    """Put one more stand-in in."""
    _all.append(replacement)
    if not _suspensions:
        replacement.put_in()


def restore() -> None:
    """Take all of them out for good."""
    for replacement in reversed(_all):
        replacement.take_out()
    _all.clear()


def suspend() -> None:
    """Take all of them out until `resume`, which has to follow; the two may nest."""
    global _suspensions
    with lock:
        _suspensions += 1
        if _suspensions == 1:
            for replacement in reversed(_all):
                replacement.take_out()


def resume() -> None:
    """Undo `suspend`."""
    global _suspensions
    with lock:
        _suspensions -= 1
        if not _suspensions:
            for replacement in _all:
                replacement.put_in()


def forget_suspensions() -> None:
    """Let nothing be suspended, whoever has not resumed yet."""
    global _suspensions
    _suspensions = 0


@contextmanager
def suspended() -> Iterator[None]:
    """Let something see the originals."""
    suspend()
    try:
        yield
    finally:
        resume()
