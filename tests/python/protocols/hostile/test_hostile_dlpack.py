"""Nothing that a DLPack producer says is believed: every lie in the table, through every transport."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import Exchanging, FakeTensor, Versioned, capsule_name, new_capsule
from hostile import CONSUMERS, POISON, Lie, assert_believed, assert_refused, refusal_of, taken_and_given_back
from hostile_dlpack import FOREIGN_VERSIONS, LIES, ODD_BUT_TRUE, VERSIONED_LIES, VERSIONED_TRUTHS
from support import needs_torch

TRANSPORTS: dict[str, Callable[..., Any]] = {
    "versioned": FakeTensor,
    "unversioned": lambda **fields: FakeTensor(versioned=False, **fields),
    "exchange API": Exchanging,
}
VERSIONED = ("versioned", "exchange API")


def cases(table: dict[str, Any], versioned_table: dict[str, Any]) -> Any:
    """Every row through every transport that can carry it."""
    rows = [(name, row, each) for name, row in table.items() for each in TRANSPORTS]
    rows += [(name, row, each) for name, row in versioned_table.items() for each in VERSIONED]
    return pytest.mark.parametrize(
        ("row", "transport"),
        [pytest.param(row, each, id=f"{each}-{name}") for name, row, each in rows],
    )


@cases(LIES, VERSIONED_LIES)
def test_a_lie_is_refused(row: Lie, transport: str) -> None:
    assert_refused(lambda: TRANSPORTS[transport](**row.fields), row, "DLPack")


@cases(ODD_BUT_TRUE, VERSIONED_TRUTHS)
def test_an_odd_truth_is_shared(row: tuple[dict[str, Any], Any], transport: str) -> None:
    fields, values = row
    if values is None:
        values = bridge.to_numpy(TRANSPORTS[transport](**fields)).tolist()
    if "deleter" in fields:
        assert bridge.to_numpy(TRANSPORTS[transport](**fields)).tolist() == values
        return

    def change(producer: Any) -> None:
        producer.values[:] = [7] * 6

    assert_believed(lambda: TRANSPORTS[transport](**fields), values, change)


def test_the_tables_are_long_enough() -> None:
    assert len(LIES) + len(VERSIONED_LIES) >= 400


# What must not even be read


@pytest.fixture
def edge_of_memory() -> Any:
    """The address of a page that nobody may touch, behind one that everybody may."""
    block = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    start = ctypes.c_char.from_buffer(block)
    edge = ctypes.addressof(start) + mmap.PAGESIZE
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(edge, mmap.PAGESIZE, mmap.PROT_NONE if hasattr(mmap, "PROT_NONE") else 0) == 0
    yield edge
    assert protect(edge, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE) == 0
    del start
    block.close()


@pytest.mark.skipif(sys.platform != "linux", reason="pages are protected with mprotect")
@pytest.mark.parametrize("version", FOREIGN_VERSIONS, ids=str)
def test_a_foreign_version_is_released_unread(version: tuple[int, int], edge_of_memory: int) -> None:
    """All but version, context and deleter lie on a page that cannot be read."""
    producer = FakeTensor()
    address = edge_of_memory - Versioned.flags.offset
    ctypes.memmove(address, ctypes.addressof(producer.managed), Versioned.flags.offset)
    ctypes.c_uint32.from_address(address).value = version[0]
    ctypes.c_uint32.from_address(address + 4).value = version[1]
    deleted = []
    deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(deleted.append)
    pointer = ctypes.c_void_p.from_address(address + Versioned.deleter.offset)
    pointer.value = ctypes.cast(deleter, ctypes.c_void_p).value
    producer.lies["answer"] = new_capsule(address, b"dltensor_versioned", None)
    assert refusal_of(bridge.view, producer)[1] == "version"
    assert deleted == [address]


# Capsules that are not for us

NAMES = [
    *(None, b"", b"dltensor ", b"dltensor_versione", b"dltensor_versioned2", b"DLTENSOR", b"dl"),
    *(b"used_dltensor", b"used_dltensor_versioned", b"dlpack_exchange_api", b"datetime.datetime_CAPI"),
    *(b"\xff\xfe", b"dltensor\n", b"x" * 10_000, "\N{SNOWMAN}".encode()),
]


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:40])
def test_a_capsule_with_a_foreign_name_stays_the_producers(name: bytes | None, consumer: str) -> None:
    producer = FakeTensor(name=name)
    capsule = producer.__dlpack__()
    producer.lies["answer"] = capsule
    before = sys.getrefcount(producer), sys.getrefcount(capsule)
    protocol, field, expected, got, hint = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field) == ("DLPack", "capsule name")
    assert expected == "a capsule named 'dltensor_versioned' or 'dltensor'"
    assert len(got) < 200
    assert hint == "a capsule can be imported only once; ask its producer for a new one"
    assert (sys.getrefcount(producer), sys.getrefcount(capsule)) == before
    assert taken_and_given_back(producer) == (1, 0)
    if name is not None:
        assert capsule_name(capsule) == name


@pytest.mark.parametrize("versioned", [True, False])
def test_a_capsule_is_consumed_once(versioned: bool) -> None:
    producer = FakeTensor(versioned=versioned)
    capsule = producer.__dlpack__()
    producer.lies["answer"] = capsule
    array = bridge.to_numpy(producer)
    for consume in CONSUMERS.values():
        protocol, field, _, got, _ = refusal_of(consume, producer)
        assert (protocol, field, got) == ("DLPack", "capsule name", repr(capsule_name(capsule).decode()))
    assert producer.deleted == 0
    array[0] = 50
    assert producer.values[0] == 50
    del array
    assert (producer.handed_out, producer.deleted) == (1, 1)
    del capsule, producer.lies["answer"]
    assert producer.deleted == 1


def test_a_copy_by_the_producer_is_no_share() -> None:
    for transport in VERSIONED:
        producer = TRANSPORTS[transport](flags=2)
        for name in ("view", "to_numpy", "shares_memory", "may_share_memory"):
            error = refusal_of(CONSUMERS[name], producer)
            assert error[:2] == ("DLPack", "flags")
            assert "copy=True" in error[4]
        copied = bridge.to_numpy(producer, copy=True)
        assert copied.tolist() == [0, 1, 2, 3, 4, 5]
        producer.values[:] = [7] * 6
        assert np.array_equal(copied, [0, 1, 2, 3, 4, 5])
        assert len(set(taken_and_given_back(producer))) == 1


def test_memory_on_a_device_is_only_described() -> None:
    """Where there is no such device nothing but its description can be had."""
    for transport in TRANSPORTS.values():
        producer = transport(device=(2, 9), data=POISON)
        assert bridge.view(producer).device == "cuda:9"
        for name in ("to_numpy", "to_numpy-copy", "to_numpy-if-needed"):
            assert refusal_of(CONSUMERS[name], producer)[1] == "device"
        assert len(set(taken_and_given_back(producer))) == 1


@needs_torch
@pytest.mark.parametrize("device", [(3, 0), (4, 0), (7, 0), (9, 0), (13, 0), (15, 0)])
def test_a_device_that_torch_refuses_is_given_back(device: tuple[int, int]) -> None:
    for transport in TRANSPORTS.values():
        producer = transport(device=device, data=POISON)
        assert refusal_of(bridge.to_torch, producer)[:2] == ("torch", "device")
        assert taken_and_given_back(producer) == (1, 1)


@needs_torch
def test_misaligned_elements_do_not_leave_for_compiled_loops() -> None:
    """NumPy handles them; torch's and others' vectorised loops are compiled for aligned ones."""
    for transport in TRANSPORTS.values():
        producer = transport(shape=(5,), byte_offset=1)
        array = bridge.to_numpy(producer)
        assert not array.flags.aligned
        for x in (array, bridge.view(array), producer):
            error = refusal_of(bridge.to_torch, x)
            assert error[:2] == ("torch", "alignment")
            assert bridge.to_torch(x, copy=True).tolist() == array.tolist()
        with pytest.raises(bridge.SharingError, match="alignment"):
            bridge.view(array).__dlpack__(max_version=(1, 0))
