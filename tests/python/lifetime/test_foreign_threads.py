"""Releases on threads that Python does not know, and calls from C without the GIL."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import pytest

import numpy_bridge as bridge
from fakes import FakeBuffer, FakeTensor, capsule_name, read_capsule, rename_capsule


@pytest.mark.parametrize("version", [None, (1, 0)], ids=["unversioned", "versioned"])
def test_a_deleter_runs_on_a_thread_that_python_does_not_know(version: Any) -> None:
    """Started by C, and so without the GIL."""
    owner = bytearray(8)
    shared = bridge.view(owner)
    before = sys.getrefcount(shared)
    capsule = shared.__dlpack__(max_version=version)
    managed = read_capsule(capsule)
    used = b"used_" + capsule_name(capsule)
    rename_capsule(capsule, used)
    assert sys.getrefcount(shared) == before + 1
    c = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    start = ctypes.c_void_p(managed.deleter)
    assert c.pthread_create(ctypes.byref(thread), None, start, ctypes.byref(managed)) == 0
    assert c.pthread_join(thread, None) == 0
    assert sys.getrefcount(shared) == before
    del shared
    owner.extend(b"x")


@pytest.mark.parametrize("make", [lambda: FakeTensor(), lambda: FakeBuffer(), lambda: bytearray(24)])
def test_a_deleter_called_by_c_lets_go_of_a_producer(make: Callable[[], Any]) -> None:
    """A CDLL function runs without the GIL; what it releases runs Python code."""
    producer = make()
    for version in (None, (1, 0)):
        before = sys.getrefcount(producer)
        capsule = bridge.view(producer).__dlpack__(max_version=version)
        managed = read_capsule(capsule)
        rename_capsule(capsule, b"used_" + capsule_name(capsule))
        assert sys.getrefcount(producer) > before
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(managed.deleter)(ctypes.addressof(managed))
        assert sys.getrefcount(producer) == before
    if isinstance(producer, FakeTensor):
        assert (producer.handed_out, producer.deleted) == (2, 2)
    elif isinstance(producer, FakeBuffer):
        assert (producer.exports, producer.releases) == (2, 2)
    else:
        producer.extend(b"x")
