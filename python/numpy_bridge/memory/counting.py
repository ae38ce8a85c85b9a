"""Counts the bytes that two sets of runs have in common: exactly, or within bounds if that takes too long.

Nested sets are compared step by step: equal steps are matched in closed form, unequal ones are walked over
one period of their beat. Where runs of one array overlap each other, bytes are marked in a bitmap. Counting
overlap is NP-hard in general, so both have a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from .runs import Runs

MAX_STEPS = 50_000
"""Limit of comparisons of two runs; each takes some microseconds."""

MAX_MARKED = 1 << 22
"""Limit of runs, and of bytes, in a bitmap."""


@dataclass(frozen=True)
class Count:
    """A number, known exactly if `least` equals `most`."""

    least: int
    most: int

    @property
    def exact(self) -> bool:
        return self.least == self.most

    def __str__(self) -> str:
        return f"{self.least:,}" if self.exact else f"{self.least:,} to {self.most:,}"


class _TooLongError(Exception):
    pass


def size(runs: Runs) -> Count:
    """Count the bytes in the set."""
    if runs.nested:
        return Count(runs.size, runs.size)
    if runs.size // runs.length <= MAX_MARKED >= runs.stop - runs.start:
        found = int(_marked(runs, runs.start, runs.stop).sum())
        return Count(found, found)
    return Count(runs.length, min(runs.size, runs.stop - runs.start))


def common(a: Runs, b: Runs) -> Count:
    """Count the bytes in both sets."""
    low, high = max(a.start, b.start), min(a.stop, b.stop)
    if low >= high:
        return Count(0, 0)
    if a == b:
        return size(a)
    if a.nested and b.nested:
        try:
            found = _Comparison().count(a, b)
            return Count(found, found)
        except _TooLongError:
            pass
    if max(a.size // a.length, b.size // b.length, high - low) <= MAX_MARKED:
        found = int(np.count_nonzero(_marked(a, low, high) & _marked(b, low, high)))
        return Count(found, found)
    return Count(0, min(size(a).most, size(b).most, high - low))


def _marked(runs: Runs, low: int, high: int) -> NDArray[np.bool_]:
    """Return for each of the bytes [low, high) whether it is in the set."""
    offsets = np.zeros(1, np.int64)
    for step, times in runs.repeats:
        offsets = np.add.outer(offsets, step * np.arange(times, dtype=np.int64)).ravel()
    begins = np.clip(offsets + (runs.start - low), 0, high - low)
    ends = np.clip(offsets + (runs.start - low + runs.length), 0, high - low)
    length = high - low + 1
    depth = np.cumsum(np.bincount(begins, minlength=length) - np.bincount(ends, minlength=length))
    return np.asarray(depth[:-1] > 0)


def _below(runs: Runs, limit: int) -> int:
    """Count the bytes of nested runs at addresses below `limit`."""
    if limit <= runs.start:
        return 0
    if limit >= runs.stop:
        return runs.size
    if not runs.repeats:
        return limit - runs.start
    step, times = runs.repeats[0]
    whole = min((limit - runs.start) // step, times)
    inner = runs.at(0)
    rest = _below(inner, limit - whole * step) if whole < times else 0
    return whole * inner.size + rest


class _Comparison:
    """One comparison of two nested sets, with a limit of work."""

    def __init__(self) -> None:
        self.steps_left = MAX_STEPS

    def count(self, a: Runs, b: Runs) -> int:
        """Count the bytes in both."""
        if a.start >= b.stop or b.start >= a.stop:
            return 0
        self.steps_left -= 1
        if self.steps_left < 0:
            raise _TooLongError
        if not b.repeats:
            return _below(a, b.stop) - _below(a, b.start)
        if not a.repeats:
            return _below(b, a.stop) - _below(b, a.start)
        if a.repeats[0].step == b.repeats[0].step:
            return self._in_step(a, b)
        return self._out_of_step(a, b) if a.repeats[0].step > b.repeats[0].step else self._out_of_step(b, a)

    def _in_step(self, a: Runs, b: Runs) -> int:
        """Equal steps: repeat k of `a` and repeat k + ahead of `b` overlap equally for every k."""
        step, times = a.repeats[0]
        others = b.repeats[0].times
        inner_a, inner_b = a.at(0), b.at(0)
        first, last = (
            -((inner_b.stop - 1 - inner_a.start) // step),
            (inner_a.stop - 1 - inner_b.start) // step,
        )
        total = 0
        for ahead in range(first, last + 1):
            pairs = min(times, others - ahead) - max(0, -ahead)
            if pairs > 0:
                total += pairs * self.count(inner_a, b.at(ahead * step))
        return total

    def _out_of_step(self, a: Runs, b: Runs) -> int:
        """`a` has the longer step. Inside `b` overlaps recur with the steps' least common multiple."""
        step, times = a.repeats[0]
        beat, others = b.repeats[0]
        inner = a.at(0)

        def reaching(address: int) -> int:
            """Return the first repeat that starts at `address` or after it."""
            return min(max(-((inner.start - address) // step), 0), times)

        def counts(first: int, last: int) -> list[int]:
            return [self.count(a.at(k * step), b) for k in range(first, last)]

        begin = min(max((b.start - inner.stop) // step + 1, 0), times)
        end = reaching(b.stop)
        inside = reaching(b.start)
        outside = reaching(b.start + beat * others - (inner.stop - inner.start) + 1)
        inside, outside = max(begin, inside), min(end, outside)
        period = beat // gcd(step, beat)
        if outside - inside <= period:
            return sum(counts(begin, end))
        rounds, left = divmod(outside - inside, period)
        whole = counts(inside, inside + period)
        return (
            sum(counts(begin, inside)) + rounds * sum(whole) + sum(whole[:left]) + sum(counts(outside, end))
        )
