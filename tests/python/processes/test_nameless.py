"""Files without a name: that the right one is opened, the memory for them, and the ledger of what arrived."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

import block_workers as workers
import numpy_bridge as bridge
from numpy_bridge.errors import SharingError
from numpy_bridge.processes import handle as handles
from numpy_bridge.processes import in_flight, nameless, reserving
from numpy_bridge.processes.handle import Handle

KIND = "test"


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    """Two files of one kind, and one of another; the first byte is their index."""
    made = [nameless.create(kind, b"", 8) for kind in (KIND, KIND, "other")]
    for index, descriptor in enumerate(made):
        os.pwrite(descriptor, bytes([index]), 0)
    yield made
    for descriptor in made:
        os.close(descriptor)


@pytest.mark.parametrize("other", [1, 2])
def test_a_descriptor_that_is_used_again_while_its_file_is_opened(
    other: int, descriptors: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was checked is the one that is opened."""
    opened_by, swapped = os.open, []

    def open_and_swap(path: Any, flags: int) -> int:
        opened = opened_by(path, flags)
        if not swapped:
            swapped.append(os.dup2(descriptors[other], descriptors[0]))
        return opened

    monkeypatch.setattr(os, "open", open_and_swap)
    opened = nameless.open_of(os.getpid(), descriptors[0], KIND, b"", os.O_RDWR)
    assert swapped
    assert os.pread(opened, 1, 0) == b"\0"
    assert os.pread(descriptors[0], 1, 0) == bytes([other])
    os.close(opened)


@pytest.mark.parametrize("path", ["/dev/null", "/etc/passwd", "/dev/ptmx"])
def test_other_files_are_not_opened(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a device, or a pipe, may do something."""
    other = os.open(path, os.O_RDONLY | os.O_NOCTTY)
    opened_by, flags_used = os.open, []

    def open_and_note(path: Any, flags: int) -> int:
        flags_used.append(flags)
        return opened_by(path, flags)

    monkeypatch.setattr(os, "open", open_and_note)
    with pytest.raises(bridge.SharingError, match=path):
        nameless.open_of(os.getpid(), other, KIND, b"", os.O_RDWR)
    assert len(flags_used) == 1
    assert flags_used[0] & os.O_PATH
    os.close(other)


def test_nothing_stays_open(descriptors: list[int]) -> None:
    before = open_files()
    for descriptor in (descriptors[2], 100_000):
        with pytest.raises(bridge.SharingError):
            nameless.open_of(os.getpid(), descriptor, KIND, b"", os.O_RDWR)
    os.close(nameless.open_of(os.getpid(), descriptors[0], KIND, b"", os.O_RDWR))
    assert open_files() == before


def test_memory_is_had_in_steps_and_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    had: list[tuple[int, int]] = []
    of_system = os.posix_fallocate

    def note(descriptor: int, start: int, size: int) -> None:
        had.append((start, size))
        of_system(descriptor, start, size)

    monkeypatch.setattr(os, "posix_fallocate", note)
    size = (40 << 20) + 5
    descriptor = nameless.create(KIND, b"", size)
    assert had == [(0, 16 << 20), (16 << 20, 16 << 20), (32 << 20, (8 << 20) + 5)]
    status = os.fstat(descriptor)
    assert status.st_size == size
    assert status.st_blocks * 512 >= size
    os.close(descriptor)


@pytest.mark.parametrize("most", [1, 7, 1 << 30])
def test_data_is_written_at_the_end(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may write less than it was asked to, for one when a signal arrives."""
    of_system = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: of_system(fd, data[:most], at))
    data = memoryview(bytes(range(100)))
    descriptor = nameless.create(KIND, b"", 164, data)
    assert os.pread(descriptor, 1000, 0) == bytes(64) + bytes(data)
    os.close(descriptor)


def test_data_for_which_there_is_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = open_files()
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(SharingError, match="No space left on device"):
        nameless.create(KIND, b"", 164, memoryview(bytes(100)))
    assert open_files() == before


def test_an_interrupt_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    of_system = os.posix_fallocate

    def interrupted(descriptor: int, start: int, size: int) -> None:
        of_system(descriptor, start, size)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "posix_fallocate", interrupted)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            nameless.create(KIND, b"", 40 << 20)
    finally:
        signal.signal(signal.SIGINT, former)
    assert open_files() == before


MIB = 1 << 20


@pytest.mark.parametrize(
    ("groups", "membership", "free"),
    [
        ({}, "0::/\n", []),
        ({"": ("max", 5)}, "0::/\n", []),
        ({"": (10 * MIB, 4 * MIB)}, "0::/\n", [6 * MIB]),
        ({"": (10 * MIB, 4 * MIB), "a/b": (3 * MIB, MIB)}, "0::/a/b\n", [2 * MIB, 6 * MIB]),
        ({"a": (10 * MIB, 4 * MIB), "a/b": ("max", MIB)}, "1:memory:/x\n0::/a/b\n", [6 * MIB]),
        ({"": (10 * MIB, 4 * MIB)}, "0::/not/seen/in/here\n", [6 * MIB]),
        ({"": (10 * MIB, 4 * MIB)}, "4:memory:/of/version/1\n", [6 * MIB]),
        ({"": (10 * MIB, 4 * MIB)}, None, [6 * MIB]),
        ({"": ("what?", "")}, "0::/\n", []),
        ({"": (MIB, 2 * MIB)}, "0::/\n", [0]),
        ({"": (10 * MIB, 9 * MIB, MIB, 2 * MIB)}, "0::/\n", [4 * MIB]),
        ({"": (10 * MIB, 4 * MIB)}, "0::/../../etc\n", [6 * MIB]),
    ],
)
def test_memory_of_control_groups(groups: Any, membership: Any, free: list[int], tmp_path: Path) -> None:
    root, member = tmp_path / "groups", tmp_path / "cgroup"
    root.mkdir()
    if membership is not None:
        member.write_text(membership)
    for name, (limit, used, *files) in groups.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "memory.max").write_text(f"{limit}\n")
        (root / name / "memory.current").write_text(f"{used}\n")
        if files:
            text = f"anon 7\ninactive_file {files[0]}\nactive_file {files[1]}\n"
            (root / name / "memory.stat").write_text(text)
    assert list(reserving._free_in_groups(root, member)) == [*free, sys.maxsize]


def test_a_group_without_room_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserving, "_free_in_groups", lambda: iter([20 * MIB, sys.maxsize]))
    assert bridge.shared_empty(18 * MIB, "uint8").nbytes == 18 * MIB
    with pytest.raises(bridge.SharingError, match="expected 22,020,096 free bytes of memory, got 20,971,520"):
        bridge.shared_empty(21 * MIB - 64, "uint8")


@pytest.fixture
def held() -> tuple[Handle, in_flight.Ledger]:
    """A handle of a block that is kept for its receiver."""
    block = workers.filled(1)
    return handles.sent(block.owner), in_flight.ledger()


@pytest.mark.parametrize("number", [1, 15, 4096 * 1000, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
def test_numbers_that_were_forged(number: int, held: tuple[Handle, in_flight.Ledger]) -> None:
    """The block is attached all the same, and the ledger is as before."""
    handle, ledger = held
    size = os.fstat(ledger.descriptor).st_size
    before = os.pread(ledger.descriptor, size, 0)
    handle._replace(number=number).attach(keep=True)
    assert os.fstat(ledger.descriptor).st_size == size
    assert os.pread(ledger.descriptor, size, 0) == before
    assert not ledger.arrived(handle.number)
    handle.attach(keep=True)
    assert ledger.arrived(handle.number)


def test_the_ledger_of_a_process_that_has_the_number_of_another(
    held: tuple[Handle, in_flight.Ledger],
) -> None:
    """Or of a later one at the same descriptor: its bytes are not ours to write."""
    handle, ledger = held
    other = in_flight.Ledger()
    other.send(None, awaited=False)
    for forged in ({"ledger": other.descriptor}, {"ledger_identity": bytes(8)}, {"ledger": 0}):
        handle._replace(**forged).attach(keep=True)
    number = handle.number
    handle._replace(ledger=handle.descriptor).attach(keep=True)  # the block itself
    assert not ledger.arrived(number)
    assert not any(other.arrived(n) for n in (16, number))


def test_a_ledger_grows() -> None:
    ledger = in_flight.Ledger()
    numbers = [ledger.send(object(), awaited=False) for _ in range(10_000)]
    assert numbers == list(range(16, 10_016))
    assert os.fstat(ledger.descriptor).st_size == 3 * 4096
    in_flight.confirm(os.getpid(), ledger.descriptor, ledger.identity, numbers[-1])
    assert ledger.arrived(numbers[-1])
    assert not ledger.arrived(numbers[-2])


@pytest.mark.timeout(20)
def test_a_finalizer_may_send_while_another_block_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector may run one anywhere: while the ledger grows, and while it is read."""
    ledger = in_flight.Ledger()
    numbers: list[int] = []

    def then_send(original: Any) -> Any:
        def called(*given: Any) -> Any:
            with monkeypatch.context() as restored:
                restored.setattr(in_flight.Ledger, "arrived", arrived)
                restored.setattr(reserving, "reserve", reserve)
                numbers.append(ledger.send(object(), awaited=False))
            return original(*given)

        return called

    arrived, reserve = in_flight.Ledger.arrived, reserving.reserve
    monkeypatch.setattr(in_flight.Ledger, "arrived", then_send(arrived))
    monkeypatch.setattr(reserving, "reserve", then_send(reserve))
    numbers += [ledger.send(object(), awaited=False) for _ in range(100)]
    assert len(numbers) > 200
    assert len(set(numbers)) == len(numbers)


def test_a_sent_handle_is_small() -> None:
    assert len(ForkingPickler.dumps(bridge.shared_empty((1,) * 8, "complex128"))) < 200
