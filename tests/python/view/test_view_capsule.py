"""What View.__dlpack__ refuses, and who owns a capsule: nothing is leaked, nothing freed twice."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import capsule_name, read_capsule
from numpy_bridge import view
from producers import (
    Legacy,
    Once,
)
from support import (
    BACKWARD,
    base_array,
    byte_swapped,
    needs_numpy_2,
    peek,
    readonly,
    refused,
    with_odd_strides,
)

# Refused


@pytest.mark.parametrize("copy", [None, False, True])
@pytest.mark.parametrize("keywords", [{}, {"max_version": (1, 0)}], ids=["unversioned", "versioned"])
@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"stream": 1}, "stream"),
        ({"stream": -1}, "stream"),
        ({"stream": 0}, "stream"),
        ({"dl_device": (4, 0)}, "dl_device"),
        ({"dl_device": (1, 1)}, "dl_device"),
    ],
    ids=["stream-1", "stream--1", "stream-0", "opencl", "cpu:1"],
)
def test_requests_that_a_cpu_cannot_meet(
    request_: dict[str, Any], field: str, keywords: dict[str, Any], copy: bool | None
) -> None:
    with refused(field, "DLPack", hint=None):
        view(base_array()).__dlpack__(**request_, **keywords, copy=copy)


@pytest.mark.parametrize("copy", [None, False])
def test_memory_moves_to_a_device_only_when_a_copy_is_asked_for(copy: bool | None) -> None:
    with refused("dl_device", "DLPack", hint="copy=True"):
        view(base_array()).__dlpack__(dl_device=(2, 0), copy=copy)


def test_readonly_needs_a_version() -> None:
    shared = view(base_array(), readonly=True)
    for keywords in ({}, {"max_version": None}, {"max_version": (0, 8)}):
        with refused("max_version", "DLPack", hint="read-only"):
            shared.__dlpack__(**keywords)


@pytest.mark.parametrize(
    ("make", "field", "hint"),
    [
        (lambda: BACKWARD["reversed"](base_array()), "strides", ""),
        (lambda: BACKWARD["reversed-rows"](base_array()), "strides", ""),
        (lambda: with_odd_strides(base_array()), "strides", ""),
        (lambda: byte_swapped(base_array()), "byte order", "copy=True"),
    ],
    ids=["reversed", "reversed-rows", "odd-strides", "byte-swapped"],
)
def test_what_consumers_cannot_be_trusted_with(make: Callable[[], Any], field: str, hint: str) -> None:
    for keywords in ({}, {"max_version": (1, 0)}):
        with refused(field, "DLPack", hint=hint):
            view(make()).__dlpack__(**keywords)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.__dlpack__(1),
        lambda v: v.__dlpack__(other=1),
        lambda v: v.__dlpack__(max_version=1),
        lambda v: v.__dlpack__(max_version="1.0"),
        lambda v: v.__dlpack__(dl_device="cpu"),
        lambda v: v.__dlpack__(dl_device=(1,)),
        lambda v: v.__dlpack__(copy="yes"),
    ],
    ids=["positional", "unknown", "max_version", "text", "device", "short device", "copy"],
)
def test_wrong_arguments_are_type_errors(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        call(view(base_array()))


# Ownership


VERSIONS: list[dict[str, Any]] = [
    {},
    {"max_version": (1, 0)},
    {"copy": True},
    {"max_version": (1, 0), "copy": True},
]
each_version = pytest.mark.parametrize("keywords", VERSIONS, ids=["old", "new", "old-copy", "new-copy"])


@each_version
def test_a_capsule_that_nobody_takes_frees_what_it_holds(keywords: dict[str, Any]) -> None:
    shared = view(base_array())
    before = sys.getrefcount(shared)
    capsules = [shared.__dlpack__(**keywords) for _ in range(5)]
    if not keywords.get("copy"):
        assert sys.getrefcount(shared) == before + 5
    del capsules
    assert sys.getrefcount(shared) == before


@each_version
@pytest.mark.parametrize(
    "consume",
    [pytest.param(np.from_dlpack, marks=needs_numpy_2), bridge.to_numpy],
    ids=["numpy", "numpy_bridge"],
)
def test_a_capsule_is_consumed_once(keywords: dict[str, Any], consume: Callable[[Any], Any]) -> None:
    shared = view(base_array())
    producer = Once(shared.__dlpack__(**keywords))
    accepts_copies = consume is np.from_dlpack or "max_version" not in keywords
    if not accepts_copies and keywords.get("copy"):
        with refused("flags", "DLPack"):
            consume(producer)
        return
    seen = consume(producer)
    assert capsule_name(producer.capsule).startswith(b"used_dltensor")
    with pytest.raises((ValueError, BufferError)):
        consume(producer)
    with refused("capsule name", "DLPack", hint="only once"):
        view(producer)
    del producer
    gc.collect()
    assert seen.tolist() == base_array().tolist()


@needs_numpy_2
@pytest.mark.parametrize("keywords", VERSIONS[:2], ids=["old", "new"])
def test_the_consumer_keeps_everything_alive(keywords: dict[str, Any]) -> None:
    array = base_array()
    owner = weakref.ref(array)
    seen = np.from_dlpack(Once(view(array).__dlpack__(**keywords)))
    del array
    gc.collect()
    owner()[3] = 100  # NumPy takes unversioned capsules for read-only
    assert seen[3] == 100
    del seen
    gc.collect()
    assert owner() is None


def test_sharing_and_dropping_leaves_no_reference() -> None:
    array = base_array()
    before = sys.getrefcount(array)
    for _ in range(10):
        np.from_dlpack(view(array))
        view(Legacy(array))
        view(Once(view(array).__dlpack__()))
    gc.collect()
    assert sys.getrefcount(array) == before


def test_readonly_array_through_a_readonly_capsule() -> None:
    array = readonly(base_array())
    again = view(Once(view(array).__dlpack__(max_version=(1, 0))))
    assert again.readonly
    assert peek(again) == peek(array)


@pytest.mark.parametrize("offset", [0, 8, 16, 32, 64])
def test_the_address_is_handed_on_as_it_is(offset: int) -> None:
    """JAX and TensorFlow copy, or abort, where `data` is not at a multiple of 64: an offset beside it would
    hide that it is, or is not."""
    block = np.zeros(1024, "u1")
    start = -block.ctypes.data % 64 + offset
    array = block[start : start + 64].view("f8")
    for version in (None, (1, 0)):
        capsule = bridge.view(array).__dlpack__(max_version=version)
        tensor = read_capsule(capsule).tensor
        assert (tensor.data, tensor.byte_offset) == (array.ctypes.data, 0)
        assert tensor.data % 64 == offset % 64
