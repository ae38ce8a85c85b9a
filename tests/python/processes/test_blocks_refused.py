"""Every refusal of shared memory, by its field: no memory, and handles that are stale, damaged or forged."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from block_workers import Sender, run
from numpy_bridge import SharingError
from numpy_bridge.processes import handle as handles
from numpy_bridge.processes.handle import Handle


def refused(call: Callable[[], Any]) -> SharingError:
    with pytest.raises(SharingError) as caught:
        call()
    assert caught.value.protocol in ("shared memory", "pointer")
    assert caught.value.expected
    assert caught.value.got
    return caught.value


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((2**62, "uint8"), "size"),
        ((2**63 - 1, "uint8"), "size"),
        ((2**61, "float64"), "size"),
        ((-1, "uint8"), "shape"),
        (((2, -3), "uint8"), "shape"),
        (((2**40, 2**40), "uint8"), "size"),
        ((1, "datetime64"), "dtype"),
        ((1, "object"), "dtype"),
        ((1, "uint8", 3), "align"),
        ((1, "uint8", 0), "align"),
        ((1, "uint8", 1 << 20), "align"),
    ],
)
def test_blocks_that_cannot_be_made(arguments: Any, field: str) -> None:
    assert refused(lambda: bridge.shared_empty(*arguments)).field == field


@pytest.mark.parametrize("arguments", [("a", "uint8"), (1.5, "uint8"), (1, None), (None, "uint8")])
def test_arguments_of_the_wrong_type(arguments: Any) -> None:
    with pytest.raises(TypeError):
        bridge.shared_empty(*arguments)


def changed(block: bridge.SharedBlock, **fields: Any) -> Callable[[], Any]:
    """Attach a handle with other fields, when the block itself is out of reach in this process."""
    found = Handle.of(block.owner)._replace(**fields)
    return lambda: found.attach(keep=True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"host": b"another "}, "host"),
        ({"identity": b"forged identity!"}, "handle"),
        ({"generation": 1}, "handle"),
        ({"nbytes": 1 << 40}, "size"),
        ({"nbytes": 39}, "size"),
        ({"offset": 0}, "size"),
        ({"descriptor": 100_000, "identity": bytes(16)}, "handle"),
        ({"process": 2**31 - 1, "identity": bytes(16)}, "handle"),
    ],
)
def test_a_handle_that_was_changed(fields: dict[str, Any], field: str) -> None:
    block = bridge.shared_empty(10, "float32")
    error = refused(changed(block, **fields))
    assert error.field == field
    assert error.hint


FORGED_FIELDS = ("shape", "data", "ndim", "dtype")


@pytest.mark.parametrize(
    ("shape", "dtype", "start"),
    [
        ((11,), "float32", 0),
        ((10,), "float64", 0),
        ((10,), "float32", 4),
        ((1,), "float32", -4),
        ((2**61,), "uint8", 0),
        ((2**63,), "uint8", 0),
        ((-1,), "uint8", 0),
        ((1,) * 100, "uint8", 0),
        *(((1,), "uint8", start) for start in (2**70, -(2**70), -(2**62), 2**63 - 1, None, 1.5, "0")),
        *((shape, "uint8", 0) for shape in (None, 1.5, "1", (None,), (1.5,), (2**70,))),
        *(((1,), dtype, 0) for dtype in (None, 1)),
    ],
)
def test_an_array_outside_of_the_memory(shape: Any, dtype: Any, start: Any) -> None:
    packed = Handle.of((block := bridge.shared_empty(10, "float32")).owner).packed()
    assert refused(lambda: handles.attach(packed, shape, dtype, start)).field in FORGED_FIELDS
    assert block.ptr


@pytest.mark.parametrize("packed", [b"", b"short", bytes(1000), None, "text"])
def test_bytes_that_are_no_handle(packed: Any) -> None:
    error = refused(lambda: handles.attach(packed, (1,), "uint8", 0))
    assert (error.field, error.hint) == ("handle", "the handle is damaged or forged")


@pytest.mark.parametrize(
    ("meanwhile", "got"),
    [
        ("os.dup2(os.open('/etc/passwd', 0), descriptor)", "/etc/passwd"),
        ("os.dup2(os.open('/dev/null', 0), descriptor)", "/dev/null"),
        ("os.dup2(os.pipe()[0], descriptor)", "pipe:"),
        (
            "other = bridge.shared_empty(4, 'u1').owner.mapping; os.dup2(other.descriptor, descriptor)",
            "another",
        ),
        ("del block", "has let go of it"),
        ("block.owner.renew()", "generation 1"),
    ],
)
def test_a_stale_handle(meanwhile: str, got: str) -> None:
    with Sender(meanwhile) as sender:
        error = refused(lambda: pickle.loads(sender.handle))
    assert error.field == "handle"
    assert got in error.got
    assert error.hint


def test_a_handle_that_claims_the_right_to_write() -> None:
    with Sender(
        "from numpy_bridge.processes import handle as h\n"
        "handle = pickle.dumps((h.Handle.of(block.owner)._replace(sole_writer=False)).packed())",
        options=", sole_writer=True",
    ) as sender:
        packed = pickle.loads(sender.handle)
        assert refused(lambda: handles.attach(packed, (1,), "uint8", 0)).field == "writable"


FORGED = """
import fcntl
forged = os.memfd_create("numpy_bridge block", os.MFD_ALLOW_SEALING)
os.ftruncate(forged, {size})
os.pwrite(forged, os.pread(descriptor, 64, 0), 0)
{then}
os.dup2(forged, descriptor)
"""


@pytest.mark.parametrize(
    ("size", "then", "field"),
    [
        (64 + 4096, "", "seals"),  # which its sender could shrink later: SIGBUS
        (64 + 4096, "fcntl.fcntl(forged, 1033, 2)", "seals"),
        (64 + 4095, "fcntl.fcntl(forged, 1033, 7)", "size"),
        (64, "fcntl.fcntl(forged, 1033, 7)", "size"),
        (64 + 4096, "os.pwrite(forged, b'x', 0); fcntl.fcntl(forged, 1033, 7)", "handle"),
        (0, "os.ftruncate(forged, 0)", "handle"),
    ],
)
def test_a_forged_file(size: int, then: str, field: str) -> None:
    with Sender(FORGED.format(size=size, then=then)) as sender:
        assert refused(lambda: pickle.loads(sender.handle)).field == field


def test_a_sender_that_has_ended() -> None:
    sender = Sender()
    sender.kill()
    error = refused(lambda: pickle.loads(sender.handle))
    assert error.got == f"process {sender.process.pid}, which has ended"
    assert error.hint == "take it from the queue first, then join the process"


def test_a_sender_that_has_ended_and_was_not_waited_for() -> None:
    sender = Sender()
    sender.process.kill()
    os.waitid(os.P_PID, sender.process.pid, os.WEXITED | os.WNOWAIT)
    assert "which has ended" in refused(lambda: pickle.loads(sender.handle)).got
    sender.kill()


def test_nobody_can_shrink_or_grow_a_block() -> None:
    block = bridge.shared_empty(1000, "uint8")
    for size in (0, 10, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(block.owner.mapping.descriptor, size)


IN_LITTLE_ROOM = """
import resource, numpy_bridge as bridge
kept = [bridge.shared_empty(10, "uint8")]
{limit}
try:
    while len(kept) < 1000:
        kept.append(bridge.shared_empty({n}, "uint8"))
except bridge.SharingError as error:
    print(error.field, error.got, "|", error.hint)
"""


@pytest.mark.parametrize(
    ("limit", "n", "text"),
    [
        (
            "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))",
            10,
            "descriptors Too many open files",
        ),
        (
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))",
            2 << 20,
            "size File too large",
        ),
        ("", 1 << 46, "size "),
    ],
)
def test_no_room_is_an_error_when_the_block_is_made(limit: str, n: int, text: str) -> None:
    done = run(IN_LITTLE_ROOM.format(limit=limit, n=n))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("reverse", [False, True])
def test_another_user(reverse: bool) -> None:
    """Refused by the kernel, or, for root, by us."""
    change = "os.setgid(65534); os.setuid(65534)"
    dumpable = "import ctypes; ctypes.CDLL(None).prctl(4, 1)"  # else only root could see its descriptors
    then = "block = bridge.shared_empty(4, 'uint8'); handle = pickle.dumps(block)"
    code = f"""
import os, pickle
import numpy_bridge as bridge, numpy_bridge.processes.handle
{"" if reverse else change}
try:
    pickle.loads(bytes.fromhex(input()))
except bridge.SharingError as error:
    print(error.field)
"""
    with Sender(f"{change}; {dumpable}; {then}" if reverse else "") as sender:
        done = run(code, input=sender.handle.hex())
    assert done.stdout == "user\n", done.stderr


def test_only_the_maker_of_a_block_with_a_sole_writer_writes() -> None:
    block = bridge.shared_empty(1024, "float32", sole_writer=True)
    bridge.to_numpy(block)[:] = 3
    code = """
import ctypes, mmap, os, pickle, sys
import numpy as np, numpy_bridge as bridge
block = pickle.loads(bytes.fromhex(input()))
array = bridge.to_numpy(block)
print(block.readonly, array.flags.writeable, float(array.sum()))
libc = ctypes.CDLL(None, use_errno=True)
page = ctypes.c_void_p(block.owner.mapping.address)
print(libc.mprotect(page, ctypes.c_size_t(4096), 3), os.strerror(ctypes.get_errno()))
descriptor = os.open(f"/proc/self/fd/{block.owner.mapping.descriptor}", os.O_RDWR)
for write in (lambda: os.pwrite(descriptor, b"x", 100), lambda: mmap.mmap(descriptor, 4096)):
    try:
        write()
    except PermissionError:
        print("refused")
try:
    bridge.copy_(block, np.zeros(1024, "f4"))
except bridge.SharingError as error:
    print(error.field)
again = pickle.loads(pickle.dumps(block))
print(again.readonly, flush=True)
ctypes.memset(block.ptr, 0, 1)
"""
    done = run(code, input=pickle.dumps(block).hex())
    expected = ["True False 3072.0", "-1 Permission denied", "refused", "refused", "readonly", "True"]
    assert done.stdout.splitlines() == expected, done.stderr
    assert done.returncode == -11
    assert np.asarray(block).sum() == 3072
