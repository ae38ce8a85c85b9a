"""Verdicts of an audit on objects whose memory is there but no array of numbers."""

from __future__ import annotations

import multiprocessing
import warnings
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, torch


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, [("x", "f4"), ("y", "i8")]),
        np.ma.masked_array([1.0, 2.0], [False, False]),
        np.array(["some", "text"]),
        np.array([{}, None]),
    ],
    ids=["fields", "masked", "text", "objects"],
)
def test_arrays_that_only_numpy_takes(array: Any) -> None:
    with bridge.audit() as log:
        copy, view = np.array(array), np.asarray(array)
    assert [c.outcome for c in log] == ["copied", "shared"]
    view[0] = array[1]
    assert np.asarray(array)[0] == array[1]
    assert np.shares_memory(view, array)
    assert not np.shares_memory(copy, array)


def test_a_locked_array_of_multiprocessing() -> None:
    source: Any = multiprocessing.Array("d", [1, 2])
    with bridge.audit() as log:
        shared, copied = bridge.to_numpy(source), np.asarray(source)
    assert [(c.outcome, c.alternative) for c in log] == [("shared", ""), ("copied", "bridge.to_numpy(x)")]
    source[0] = 7
    assert (shared[0], copied[0]) == (7, 1)


def test_scalars_whose_buffer_is_taken() -> None:
    source = np.float32(3)
    with bridge.audit() as log:
        shared = np.frombuffer(source, np.uint8)
        np.asarray(source)
        np.asarray(np.datetime64("now"))
    assert [c.outcome for c in log] == ["shared", "copied", "copied"]
    assert shared.ctypes.data == np.frombuffer(source, np.uint8).ctypes.data


def test_text_that_is_made_of_bytes() -> None:
    source = b"some text"
    with bridge.audit() as log:
        copy = np.asarray(source)
    assert [c.outcome for c in log] == ["copied"]
    copy[...] = b"other"
    assert source == b"some text"


def test_masked_arrays_and_times_in_torch() -> None:
    torch = pytest.importorskip("torch", reason="takes their data")
    masked, times = np.ma.masked_array([1.0, 2.0], [False, True]), np.zeros(2, "M8[s]")
    with bridge.audit() as log:
        shared = torch.from_numpy(masked)
        copy = torch.tensor(masked)
        numbers = torch.frombuffer(times, dtype=torch.int64)
    assert [c.outcome for c in log] == ["shared", "copied", "shared"]
    masked.data[0], times[1] = 7, np.datetime64(5, "s")
    assert (shared[0], copy[0], numbers[1]) == (7, 1, 5)


@needs_torch
@pytest.mark.parametrize(
    ("x", "alternative"),
    [
        (np.ma.array([1.0, 2.0], mask=[0, 0]), "bridge.to_torch(x.data)"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "bridge.to_torch(x.data)"),
        (np.arange(4.0), "bridge.to_torch(x)"),
        (np.zeros(65, "u1")[1:].view("f8"), ""),
        (bridge.view(np.arange(4.0)), "bridge.to_torch(x)"),
        (bridge.view(np.arange(4.0), readonly=True), "bridge.to_torch(x, allow_readonly=True)"),
    ],
)
def test_no_alternative_refuses(x: Any, alternative: str) -> None:
    with bridge.audit() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.tensor(x)
    (conversion,) = log
    assert conversion.alternative == alternative
    if alternative:
        assert bridge.shares_memory(eval(alternative, {"x": x, "bridge": bridge}), np.asarray(x))
