"""Tensors over read-only buffers: the receiver chooses. Writes to private memory are seen by nobody else."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.processes import private as private_module
from numpy_bridge.processes.frame import LEAST_TO_MAP, arriving
from numpy_bridge.processes.private import private
from support import needs_torch, peek, torch

NUMBERS = 1 << 19  # 2 MiB of float32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "numbers"
    np.arange(NUMBERS, dtype=np.float32).tofile(path)
    return path


def of_memmap(file: Path) -> Any:
    return np.memmap(file, np.float32, "r")


def of_mmap(file: Path) -> Any:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def of_deleted_file(file: Path) -> Any:
    """Another descriptor of this process still has it."""
    mapped = of_memmap(file)
    kept.append(file.open("rb"))
    file.unlink()
    return mapped


def of_memfd(file: Path) -> Any:
    descriptor = os.memfd_create("test")
    os.write(descriptor, file.read_bytes())
    kept.append(os.fdopen(descriptor, "rb"))
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


kept: list[Any] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    gc.collect()
    while kept:
        kept.pop().close()


MAPPED = {f.__name__: f for f in (of_memmap, of_mmap, of_deleted_file, of_memfd)}
mapped = pytest.mark.parametrize("make", MAPPED.values(), ids=MAPPED.keys())


@mapped
def test_private_memory_is_written_here_only(make: Callable[[Path], Any], file: Path) -> None:
    source = np.frombuffer(make(file), np.float32)
    before = source.copy()
    view = private(source)
    again = private(source)
    array = bridge.to_numpy(view)
    assert not view.readonly
    assert np.array_equal(array, before)
    array[[0, 1000, -1]] = 77
    assert np.array_equal(source, before)
    assert np.array_equal(bridge.to_numpy(again), before)
    assert array[1000] == 77


@pytest.mark.parametrize(
    "part",
    [lambda x: x[5:], lambda x: x[5000:5001], lambda x: x[::-1], lambda x: x.reshape(64, -1)[3:7, ::5].T],
    ids=["from an odd offset", "one", "backwards", "strided"],
)
def test_parts_of_a_mapping(part: Callable[[Any], Any], file: Path) -> None:
    source = part(of_memmap(file))
    view = private(source)
    assert (view.shape, view.strides) == (source.shape, source.strides)
    array = bridge.to_numpy(view)
    assert np.array_equal(array, source)
    array[...] = 0
    assert source.any()


def test_pages_that_nobody_writes_cost_nothing(file: Path) -> None:
    array = bridge.to_numpy(private(of_memmap(file)))
    array.sum()
    before = private_bytes()
    array[0] = 1
    assert private_bytes() - before <= 16 << 10


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def private_bytes() -> int:
    (kib,) = re.findall(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(kib) << 10


def test_mappings_keep_no_descriptor(file: Path) -> None:
    """A model has more tensors than a process may open files."""
    source = of_memmap(file)
    before = descriptors()
    views = [private(source[i:]) for i in range(300)]
    assert descriptors() <= before + 1
    assert all(view.nbytes for view in views)


def test_memory_beyond_the_end_of_its_file_is_refused(file: Path) -> None:
    source = of_memmap(file)
    os.truncate(file, 4096)
    with pytest.raises(bridge.SharingError, match="the file is shorter than the memory"):
        private(source)
    assert private(source[:1024]).nbytes == 4096


def test_descriptors_are_given_back(file: Path) -> None:
    file_with_no_path = np.frombuffer(of_deleted_file(file), np.float32)
    before = descriptors()
    views = [private(file_with_no_path) for _ in range(20)]
    assert len(private_module._open) == 1
    del views
    gc.collect()
    assert descriptors() == before
    assert not private_module._open


REFUSED: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "heap": (lambda _: np.zeros(NUMBERS), "memory mapped from one file", "anonymous memory"),
    "bytes": (lambda _: bytes(NUMBERS), "memory mapped from one file", "anonymous memory"),
    "private already": (
        lambda file: np.memmap(file, np.float32, "c"),
        "a shared mapping",
        "a private one",
    ),
}


@pytest.mark.parametrize(("make", "expected", "got"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(make: Callable[[Path], Any], expected: str, got: str, file: Path) -> None:
    with pytest.raises(bridge.SharingError) as caught:
        private(make(file))
    error = caught.value
    assert (error.protocol, error.field) == ("copy on write", "mapping")
    assert (error.expected, error.got, error.hint) == (expected, got, "copy it: readonly='copy'")


def test_a_file_that_nobody_has_open_is_refused(file: Path) -> None:
    with file.open("rb") as opened:
        source = mmap.mmap(opened.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
    other = file.with_name("other")
    other.write_bytes(b"x" * (NUMBERS * 4))
    other.replace(file)  # the path leads to another file now
    try:  # mmap keeps a descriptor before Python 3.13, and privileged processes may open the mapping
        view = private(source)
    except bridge.SharingError:
        return
    assert bridge.to_numpy(view)[:8].tobytes() == source[:8]


def test_a_file_that_nobody_has_is_searched_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[Any] = []
    monkeypatch.setattr(private_module, "_paths_of", lambda mapping: searches.append(mapping) or ())
    monkeypatch.setattr(private_module, "_not_found", set())
    for _ in range(3):
        with pytest.raises(bridge.SharingError, match="a file that this process can open"):
            private(of_memmap(file))
    assert len(searches) == 1


@pytest.mark.parametrize("name", ["open", "listdir"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_search_that_failed_is_not_remembered(
    name: str, number: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = of_deleted_file(file)

    def fail(*arguments: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        if name == "listdir":  # the mapping itself can be opened by some
            patch.setattr(private_module, "_opened", lambda path: None)
        with pytest.raises(bridge.SharingError, match="a search of /proc for the file"):
            private(source)
    assert bridge.to_numpy(private(source))[5] == 5


def test_memory_of_another_process(tmp_path: Path) -> None:
    """As an object store does it: the file has no name, and only its server has it open."""
    code = """if True:
        import os, sys
        descriptor = os.memfd_create("store")
        os.write(descriptor, b"abcd" * 524288)
        print(os.getpid(), descriptor, flush=True)
        sys.stdin.read()
    """
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        process, descriptor = server.stdout.readline().split()
        with Path(f"/proc/{process}/fd/{descriptor}").open("rb") as opened:
            pages = mmap.mmap(opened.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        array = bridge.to_numpy(private(pages))
        array[:4] = 0
        assert pages[:4] == b"abcd"
        server.communicate()


@needs_torch
class TestPolicies:
    def message(self, size: int = NUMBERS) -> bytes:
        return bridge.dumps(torch.zeros(size), buffer_callback=lambda _: None)

    @mapped
    def test_private(self, make: Callable[[Path], Any], file: Path) -> None:
        buffer = memoryview(make(file)).cast("B")
        assert buffer.nbytes >= LEAST_TO_MAP
        first = bridge.loads(self.message(), [buffer])
        second = bridge.loads(self.message(), [buffer])
        first += 1
        assert second[:3].tolist() == [0, 1, 2]
        assert np.frombuffer(buffer, np.float32)[2] == 2
        assert first[:3].tolist() == [1, 2, 3]

    @pytest.mark.parametrize("size", [0, 3, NUMBERS])
    @pytest.mark.parametrize("policy", ["private", "copy"])
    def test_a_copy_where_there_is_no_mapping(self, size: int, policy: Any) -> None:
        buffer = bytes(4 * size)
        tensor = bridge.loads(self.message(size), [buffer], readonly=policy)
        tensor += 1
        assert buffer == bytes(4 * size)

    def test_refuse(self) -> None:
        with pytest.raises(bridge.SharingError) as caught:
            bridge.loads(self.message(), [bytes(4 * NUMBERS)], readonly="refuse")
        error = caught.value
        assert (error.protocol, error.field) == ("unpickle", "readonly")
        assert error.expected == "memory that a tensor may write"
        assert error.got == "a read-only buffer"
        assert error.hint == "load with readonly='private' or readonly='copy'"
        writable = bytearray(4 * NUMBERS)
        bridge.loads(self.message(), [writable], readonly="refuse")[0] = 1
        assert writable[:4] == np.float32(1).tobytes()

    def test_refuse_what_is_not_aligned(self) -> None:
        with pytest.raises(bridge.SharingError, match=r"aligned to 4 bytes.*\[unpickle\.alignment\]"):
            bridge.loads(self.message(1), [memoryview(bytearray(5))[1:]], readonly="refuse")

    def test_aliases_survive(self, file: Path) -> None:
        base = torch.zeros(NUMBERS)
        data = bridge.dumps([base.numpy(), base, base[10:]], buffer_callback=lambda _: None)
        for policy in ("private", "copy"):
            array, whole, part = bridge.loads(data, [of_mmap(file)], readonly=policy)
            whole[10] = 5
            assert array[10] == part[0] == 5
        assert np.fromfile(file, np.float32)[10] == 10

    def test_arrays_and_views_need_no_policy(self, file: Path) -> None:
        data = bridge.dumps([np.zeros(3), bridge.view(np.zeros(3))], buffer_callback=lambda _: None)
        array, view = bridge.loads(data, [bytes(24), bytes(24)], readonly="refuse")
        assert not array.flags.writeable
        assert view.readonly

    def test_unknown(self) -> None:
        with pytest.raises(ValueError, match="expected 'private', 'copy' or 'refuse', got 'share'"):
            bridge.loads(self.message(1), [bytes(4)], readonly="share")

    def test_other_unpicklers(self) -> None:
        import pickle

        with arriving("refuse"), pytest.raises(bridge.SharingError, match="read-only"):
            pickle.loads(self.message(1), buffers=[bytes(4)])
        assert pickle.loads(self.message(1), buffers=[bytes(4)]).tolist() == [0]


def test_shared_memory_of_multiprocessing() -> None:
    segment = SharedMemory(create=True, size=NUMBERS)
    try:
        segment.buf[:3] = b"abc"
        array = bridge.to_numpy(private(segment.buf.toreadonly()))
        array[0] = 0
        assert bytes(segment.buf[:3]) == b"abc"
        assert peek(array[1:3]) == [98, 99]
        del array
    finally:
        segment.close()
        segment.unlink()
