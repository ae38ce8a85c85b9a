"""One cell of the matrix: every outcome, provoked by objects and calls that behave in that way."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numpy_bridge.matrix import CONSUMERS, LIBRARIES, PRODUCERS, Consumer, Finding, Outcome, Producer, probe
from numpy_bridge.matrix.probe import decoded, encoded, poke

ARRAY = Producer("array", "numpy", "x = np.array(values, np.float32)")
LOCKED = Producer(
    "locked",
    "numpy",
    "base = np.array(values, np.float32)\nx = base.view()\nx.flags.writeable = False",
    write="base[:] = values",
    readonly=True,
)


def call(code: str, **settings: Any) -> Consumer:
    return Consumer("numpy", "fake", code, **settings)


OUTCOMES = [
    (ARRAY, "x", Outcome.SHARES, ""),
    (ARRAY, "x[:]", Outcome.SHARES, ""),
    (LOCKED, "x", Outcome.READONLY, ""),
    (ARRAY, "memoryview(x).toreadonly()", Outcome.READONLY, ""),
    (ARRAY, "x.copy()", Outcome.COPIES, ""),
    (LOCKED, "x.copy()", Outcome.COPIES, ""),
    (ARRAY, "x.astype(np.float64)", Outcome.COPIES, ""),
    (ARRAY, "1 / 0", Outcome.REFUSES, "ZeroDivisionError: division by zero"),
    (ARRAY, "-x", Outcome.WRONG, "expected 1, 2, 3, 4, 5, 6, 7, 8, got -1, -2, -3, -4, -5, -6, -7, -8"),
    (ARRAY, "x[::-1]", Outcome.WRONG, "got 8, 7, 6, 5, 4, 3, 2, 1"),
    (ARRAY, "x[:7]", Outcome.WRONG, "got 1, 2, 3, 4, 5, 6, 7"),
    (ARRAY, "x[:0]", Outcome.WRONG, "expected 1, 2, 3, 4, 5, 6, 7, 8, got nothing"),
    (ARRAY, "x.view(np.uint32)", Outcome.WRONG, "got 1.06535e+09"),
    (ARRAY, "np.array([[x], None], object)[:1]", Outcome.WRONG, "objects of type ndarray for numbers"),
    (ARRAY, "None", Outcome.UNKNOWN, "'NoneType' object has no attribute 'tolist'"),
    (LOCKED, "base", Outcome.WRONG, "read-only memory is written through the result"),
]


@pytest.mark.parametrize(("producer", "code", "outcome", "why"), OUTCOMES)
def test_outcomes(producer: Producer, code: str, outcome: Outcome, why: str) -> None:
    finding = probe(producer, call(code))
    assert finding.outcome is outcome, finding
    assert why in finding.why
    assert bool(why) is bool(finding.why)


def test_an_alias_of_some_elements_is_wrong() -> None:
    """Four elements shared, four copied: the addresses are equal, and so are most values."""
    half = call("[x[:4], x[4:].copy()]", read="[part.tolist() for part in x]")
    finding = probe(ARRAY, half)
    assert finding.outcome is Outcome.WRONG
    assert finding.why == (
        "of 10, 11, 12, 13, 14, 15, 16, 17 written to the source, 10, 11, 12, 13, 5, 6, 7, 8 arrived"
    )


def test_a_result_that_writes_some_elements_through_is_wrong() -> None:
    write = "x[:4] = values[:4]"
    finding = probe(ARRAY, call("x", write=write))
    assert finding.outcome is Outcome.WRONG
    assert finding.why == (
        "of 30, 31, 32, 33, 34, 35, 36, 37 written to the result, 30, 31, 32, 33, 14, 15, 16, 17 arrived"
    )


def test_a_result_that_moves_when_it_is_written() -> None:
    """Copy-on-write: an alias until somebody writes through it."""
    finding = probe(ARRAY, call("[x]", read="x[0].tolist()", write="x[0] = np.array(values)"))
    assert finding.outcome is Outcome.READONLY
    assert finding.why == "a write through the result goes to new memory"


def test_a_result_that_only_writes_through() -> None:
    finding = probe(ARRAY, call("[x, x.copy()]", read="x[1].tolist()", write="x[0][:] = x[1][:] = values"))
    assert finding.outcome is Outcome.WRONG
    assert finding.why == "the source sees what the result writes, but not the reverse"


def test_a_result_that_breaks_once_the_source_is_written() -> None:
    finding = probe(ARRAY, call("[x.tolist()]", read="x.pop()", write="pass"))
    assert finding == Finding(Outcome.WRONG, "IndexError: pop from empty list")


def test_columns_of_a_table_are_read_one_after_the_other() -> None:
    halves = call(
        "[{'a': x[:4], 'b': x[4:]}]", read="[{k: v.tolist() for k, v in x[0].items()}]", write="pass"
    )
    assert probe(ARRAY, halves).outcome is Outcome.READONLY


def test_a_write_that_does_nothing_is_no_write() -> None:
    finding = probe(ARRAY, call("x", write="pass"))
    assert finding.outcome is Outcome.READONLY


def test_a_producer_that_cannot_be_made() -> None:
    finding = probe(replace(ARRAY, code="raise OSError('no device')"), call("x"))
    assert finding == Finding(Outcome.UNTRIED, "OSError: no device")


def test_a_producer_that_holds_something_else() -> None:
    finding = probe(replace(ARRAY, code="x = np.zeros(3)"), call("x"))
    assert finding == Finding(Outcome.UNTRIED, "made an object that holds 0, 0, 0")


def test_nothing_is_said_of_a_producer_whose_memory_is_out_of_reach() -> None:
    finding = probe(replace(ARRAY, write="pass"), call("x"))
    assert finding.outcome is Outcome.UNTRIED
    assert "cannot be written" in finding.why


def test_a_missing_library_leaves_the_cell_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    finding = probe(replace(ARRAY, needs=("cupy",)), call("x"))
    assert finding.outcome is Outcome.UNTRIED
    assert "cupy" in finding.why


def test_the_dtype_and_the_first_warning_are_told() -> None:
    code = "[__import__('warnings').warn('first'), __import__('warnings').warn('second'), x][2]"
    finding = probe(ARRAY, call(code))
    assert finding == Finding(Outcome.SHARES, "", "float32", "first")


def test_long_reasons_are_cut_and_in_one_line() -> None:
    finding = probe(replace(ARRAY, code="raise ValueError('a\\n b' * 1000)"), call("x"))
    assert "\n" not in finding.why
    assert len(finding.why) == 300
    assert finding.why.endswith("…")


def test_a_finding_survives_json() -> None:
    for outcome in Outcome:
        finding = Finding(outcome, "why", "float32", "warning")
        assert Finding.from_dict(finding.to_dict()) == finding
        assert outcome.meaning


def test_poke_goes_round_every_lock() -> None:
    content = bytes(8)
    poke(id(content) + bytes.__basicsize__ - 1, "uint8", [7, 6])
    assert list(content) == [7, 6, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("dtype", ["uint8", "float32", ">f4", "complex64", "bfloat16"])
def test_encoding(dtype: str) -> None:
    assert decoded(encoded([1, 2, 200], dtype), dtype) == [1, 2, 200]


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    assert encoded([1], "bfloat16") == np.array([1], "<f4").tobytes()[2:]


# The tables


def test_names_are_unique() -> None:
    for names in (
        [producer.name for producer in PRODUCERS],
        [consumer.name for consumer in CONSUMERS],
        [library.name for library in LIBRARIES],
    ):
        assert len(names) == len(set(names))


def test_every_library_is_in_the_table() -> None:
    known = {library.name for library in LIBRARIES}
    assert {producer.library for producer in PRODUCERS} <= known
    assert {name for producer in PRODUCERS for name in producer.needs} <= known
    assert {consumer.library for consumer in CONSUMERS} <= known


def test_all_code_compiles() -> None:
    for library in LIBRARIES:
        compile(library.imports, library.name, "exec")
    for producer in PRODUCERS:
        compile(producer.code, producer.name, "exec")
    for consumer in CONSUMERS:
        compile(consumer.call, consumer.name, "eval")
        assert consumer.ours is ("bridge." in consumer.call)
