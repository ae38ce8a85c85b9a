"""Strided memory as a set of bytes: runs of equal length, repeated in equal steps.

Everything about overlap is counted on these sets. An element that several indices reach, as in a broadcast
array or in sliding windows, is one element.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Repeat(NamedTuple):
    """A pattern repeated `times` times, every `step` bytes."""

    step: int
    times: int

    @property
    def reach(self) -> int:
        return self.step * (self.times - 1)


@dataclass(frozen=True)
class Runs:
    """All bytes `start + sum(step_i * k_i) + [0, length)`; `repeats` have the largest step first."""

    start: int
    length: int
    repeats: tuple[Repeat, ...] = ()

    @cached_property
    def stop(self) -> int:
        """The address after the last byte."""
        return self.start + self.length + sum(repeat.reach for repeat in self.repeats)

    @cached_property
    def nested(self) -> bool:
        """True if each step is at least as long as its pattern, so that no byte is reached twice."""
        span = self.length
        for repeat in reversed(self.repeats):
            if repeat.step < span:
                return False
            span += repeat.reach
        return True

    @cached_property
    def size(self) -> int:
        """Bytes of all runs: those in the set if `nested`, else at least as many."""
        total = self.length
        for repeat in self.repeats:
            total *= repeat.times
        return total

    def at(self, offset: int) -> Runs:
        """Return the first of the outermost repeats, moved by `offset` bytes."""
        return Runs(self.start + offset, self.length, self.repeats[1:])


def normal(start: int, length: int, repeats: Iterable[tuple[int, int]]) -> Runs:
    """Return the same set with as few repeats as possible: repeats without gaps become one run.

    Steps may have any sign; `start` is the address for indices of 0.
    """
    kept: list[Repeat] = []
    used = [(step, count) for step, count in repeats if count > 1 and step != 0]
    start += sum(step * (count - 1) for step, count in used if step < 0)
    for step, count in sorted((abs(step), count) for step, count in used):
        inner = kept[-1] if kept else None
        if inner is None and step <= length:
            length += step * (count - 1)
        elif inner is not None and step % inner.step == 0 and step // inner.step <= inner.times:
            kept[-1] = Repeat(inner.step, inner.times + step // inner.step * (count - 1))
        else:
            kept.append(Repeat(step, count))
    return Runs(start, length, tuple(reversed(kept)))


def bytes_of(start: int, itemsize: int, shape: Sequence[int], strides: Sequence[int]) -> Runs:
    """Return the bytes of an array that is not empty."""
    return normal(start, itemsize, zip(strides, shape, strict=True))


def starts_of(start: int, shape: Sequence[int], strides: Sequence[int]) -> Runs:
    """Return the first byte of each element: one for each different address."""
    return normal(start, 1, zip(strides, shape, strict=True))


def widened(runs: Runs, before: int) -> Runs:
    """Return the same runs, each `before` bytes longer at its start."""
    return normal(runs.start - before, runs.length + before, runs.repeats)
