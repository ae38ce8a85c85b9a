"""`__cuda_array_interface__`, as far as it goes without a GPU: fakes in, dictionaries out, and streams that
are remembered, handed on and waited for. What a driver and torch's CUDA would do is played by stand-ins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import MISSING, FakeCudaInterface
from fakes import FakeTensor, exchange_type
from numpy_bridge import from_pointer, view
from support import in_child, is_torch, needs_torch, refused, run_python, torch

NAME = "__cuda_array_interface__"


def test_in_and_out() -> None:
    producer = FakeCudaInterface(shape=(2, 3), strides=(4, 8), stream=7)
    shared = view(producer)
    assert (shared.device, shared.__dlpack_device__()) == ("cuda:0", (2, 0))
    assert (shared.shape, shared.strides, shared.dtype) == ((2, 3), (4, 8), "float32")
    assert (shared.ptr, shared.readonly, shared.owner) == (producer.address, False, producer)
    assert shared.__cuda_array_interface__ == {
        "version": 3,
        "shape": (2, 3),
        "typestr": "<f4",
        "descr": [("", "<f4")],
        "strides": (4, 8),
        "data": (producer.address, False),
        "stream": 7,
    }


@pytest.mark.parametrize("version", [2, 3])
def test_versions(version: int) -> None:
    fields = view(FakeCudaInterface(version=version)).__cuda_array_interface__
    assert (fields["version"], fields["strides"], fields["stream"]) == (3, None, None)


def test_readonly() -> None:
    assert view(FakeCudaInterface(data=(4096, True))).readonly
    assert view(FakeCudaInterface(data=(4096, True))).__cuda_array_interface__["data"] == (4096, True)


def test_empty_memory_has_no_address() -> None:
    fields = view(FakeCudaInterface(shape=(0,), data=(0, False))).__cuda_array_interface__
    assert (fields["shape"], fields["data"]) == ((0,), (0, False))
    assert from_pointer(4096, (0,), "f4", device="cuda:1").__cuda_array_interface__["data"][0] == 0


def test_absent_where_it_has_no_words() -> None:
    assert not hasattr(view(np.ones(2)), NAME)
    assert not hasattr(from_pointer(4096, (2,), "bfloat16", device="cuda:0"), NAME)
    assert not hasattr(from_pointer(4096, (2,), "float32", device="rocm:0"), NAME)
    assert hasattr(from_pointer(4096, (2,), ">f4", device="cuda_managed:0"), NAME)


def test_the_host_does_not_read_it() -> None:
    shared = view(FakeCudaInterface())
    for consume in (bridge.to_numpy, memoryview, np.asarray):
        with pytest.raises((bridge.SharingError, BufferError, TypeError)):
            consume(shared)
    assert not hasattr(shared, "__array_interface__")
    assert bridge.shares_memory(shared, shared)
    assert not bridge.shares_memory(shared, np.ones(2))


LIES: list[tuple[str, dict[str, Any]]] = [
    *(("version", {"version": v}) for v in (MISSING, None, 0, 1, 4, "3", True)),
    *(("mask", {"mask": v}) for v in (True, np.ones(6))),
    *(("stream", {"stream": v}) for v in (0, -1, True, False, "1", 1.0, 2**64)),
    *(("data", {"data": v}) for v in (MISSING, None, bytes(24), 8, (8,), [8, False], (None, False))),
    *(("data", {"data": (v, False)}) for v in (0, -1, "8", True, 2**64, 2**64 - 8)),
    *(("shape", {"shape": v}) for v in (MISSING, [6], (-1,), (2**62,), (True,))),
    *(("strides", {"strides": v}) for v in ([4], (4, 4), (2**62,), ("4",))),
    *(("typestr", {"typestr": v}) for v in (MISSING, "<M8[s]", "|V2", 5)),
    ("descr", {"descr": [("", "<i4")]}),
    ("ndim", {"shape": (1,) * 65}),
]


@pytest.mark.parametrize(("field", "lies"), LIES)
def test_lie(field: str, lies: dict[str, Any]) -> None:
    with refused(field, NAME, hint=None):
        view(FakeCudaInterface(**lies))


@pytest.mark.parametrize("answer", [None, 5, [], "text"])
def test_no_dictionary(answer: Any) -> None:
    producer = FakeCudaInterface()
    producer.fields = answer
    with refused("attribute", NAME, hint=None):
        view(producer)


# Streams


@pytest.mark.parametrize("stream", [1, 2, 7, 2**48])
def test_a_stream_is_never_dropped(stream: int) -> None:
    producer = FakeCudaInterface(stream=stream)
    for shared in (view(producer), view(view(producer)), view(view(producer), readonly=True)):
        assert shared.__cuda_array_interface__["stream"] == stream


@pytest.mark.parametrize(
    ("of_producer", "accepted", "not_accepted"),
    [
        (None, [None, -1, 1, 2, 7], [0, -2, True, "1", 1.0, 2**64]),
        (1, [None, -1, 1], [0, -2]),
        (2, [-1, 2], [0, -2]),
        (7, [-1, 7], [0, -2]),
    ],
)
def test_streams_of_dlpack(of_producer: int | None, accepted: list[Any], not_accepted: list[Any]) -> None:
    """None is the legacy default stream, 1; with -1 the consumer sees to the order itself.

    Consumers on another stream are a matter of the kernels: test_without_cuda.py, test_gpu_streams.py.
    """
    shared = view(FakeCudaInterface(stream=of_producer))
    for stream in accepted:
        assert shared.__dlpack__(stream=stream) is not None
    for stream in not_accepted:
        with refused("stream", "DLPack", hint=None):
            shared.__dlpack__(stream=stream)


def test_dlpack_producers_are_in_order_with_the_legacy_default_stream() -> None:
    """That is what asking without `stream` means, so the next consumer is told to wait for it."""
    assert view(FakeTensor(device=(2, 0))).__cuda_array_interface__["stream"] == 1
    assert view(FakeTensor(device=(2, 3))).device == "cuda:3"
    assert view(FakeTensor(device=(13, 0))).__cuda_array_interface__["stream"] == 1


class LikeCupy(FakeTensor):
    """Speaks DLPack too, where it makes the legacy default stream wait for its own."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(device=(2, 0))
        self.other = FakeCudaInterface(**fields)

    @property
    def __cuda_array_interface__(self) -> Any:
        if isinstance(self.other.fields.get("stream"), BaseException):
            raise self.other.fields["stream"]
        return self.other.fields


@pytest.mark.parametrize(
    ("named", "stream"),
    [
        (7, 7),
        (2, 2),
        (1, 1),
        (None, 1),
        (MISSING, 1),
        (0, 1),
        ("7", 1),
        (AttributeError(), 1),
        (ValueError(), 1),
    ],
)
def test_a_stream_that_dlpack_does_not_tell(named: Any, stream: int) -> None:
    """Work that the producer gives to it later is to come after ours as well."""
    assert view(LikeCupy(stream=named)).__cuda_array_interface__["stream"] == stream


def test_a_stream_is_asked_for_only_on_devices() -> None:
    producer = LikeCupy(stream=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        view(producer)
    producer.managed.tensor.device_type = 1
    assert view(producer).device == "cpu"


@pytest.mark.parametrize(("current", "stream"), [(0, 1), (7, 7)])
def test_exchange_tables_are_asked_for_the_stream(current: int, stream: int) -> None:
    import ctypes

    from exchange import CurrentWorkStream

    def tell(device_type: int, index: int, out: Any) -> int:
        asked.append((device_type, index))
        out[0] = current
        return 0

    asked: list[tuple[int, int]] = []
    kind = exchange_type(lambda x: x.fake.managed)
    function = CurrentWorkStream(tell)
    kind.table.current_work_stream = ctypes.cast(function, ctypes.c_void_p)
    producer = kind()
    producer.fake = FakeTensor(device=(2, 1))
    assert view(producer).__cuda_array_interface__["stream"] == stream
    assert set(asked) == {(2, 1)}
    asked.clear()
    producer.fake = FakeTensor()
    view(producer)
    assert asked == []  # the host has no streams


def require_no_cuda() -> None:
    """A stand-in's addresses must not reach a real GPU. From 2.14 on torch asks the GPU for its stream."""
    if torch.version.cuda is not None and (torch.cuda.is_available() or is_torch("2.14")):
        pytest.skip("this torch is built for CUDA")


@needs_torch
@pytest.mark.parametrize(
    ("stream", "waits"), [(None, []), (1, []), (2, ["external 2 of 0"]), (7, ["external 7 of 0"])]
)
def test_torchs_current_stream_waits_for_the_stream(
    stream: int | None, waits: list[str], monkeypatch: Any
) -> None:
    """The host does not, and where it is the same stream nobody does. The tensor is never read here."""
    require_no_cuda()
    waited: list[str] = []
    current = SimpleNamespace(wait_stream=waited.append)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_stream", {0: current}.__getitem__)
    monkeypatch.setattr(torch.cuda, "default_stream", "default {}".format)
    monkeypatch.setattr(torch.cuda, "ExternalStream", lambda handle, device: f"external {handle} of {device}")

    def convert() -> None:
        tensor = bridge.to_torch(FakeCudaInterface(stream=stream))
        assert str(tensor.device) == "cuda:0"
        assert waited == waits

    in_child(convert)  # how many devices there are is asked for once


@needs_torch
def test_a_failing_wait_is_not_passed_over(monkeypatch: Any) -> None:
    require_no_cuda()

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no such stream")

    monkeypatch.setattr(torch.cuda, "ExternalStream", fail)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def convert() -> None:
        with pytest.raises(bridge.SharingError, match="stream 7: RuntimeError: no such stream"):
            bridge.to_torch(FakeCudaInterface(stream=7))

    in_child(convert)


@needs_torch
@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize("stream", [None, 1, 2, 7])
def test_memory_for_which_torch_has_no_backend(stream: int | None, copy: bool | None) -> None:
    """torch would make a tensor that cannot be printed, or raise an error of its own about the stream."""
    if torch.cuda.is_available():
        pytest.skip("this torch has a backend")
    with refused("device", hint=None):
        bridge.to_torch(FakeCudaInterface(stream=stream), copy=copy)


@needs_torch
@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize(
    "device", ["cuda", "rocm", "oneapi", "metal", "maia", "extension", "opencl", "vulkan", "cuda_host", "vpi"]
)
def test_devices_for_which_torch_has_no_backend(device: str, copy: bool | None) -> None:
    if torch.cuda.is_available() or torch.xpu.is_available() or torch.mps.is_available():
        pytest.skip("this torch has a backend")
    empty = bridge.from_pointer(0, (0,), "f4", device=device)
    if device in ("cuda", "cuda_host") and copy is not False:
        assert (
            bridge.to_torch(empty, copy=copy).device.type == "cpu"
        )  # nothing to copy over, or the host reads it
        return
    with refused("device", hint=None):
        bridge.to_torch(empty, copy=copy)


# The device

DRIVER = """
int cuPointerGetAttribute(void* out, int attribute, unsigned long long pointer) {
    if (attribute != 9) return 1;
    if (pointer == 4096) { *(int*)out = 3; return 0; }
    if (pointer == 12288) { *(int*)out = -2; return 0; } /* managed memory that prefers the host */
    return 201;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, for a stand-in of the driver")
def test_the_driver_knows_the_device(tmp_path: Path) -> None:
    source, library = tmp_path / "driver.c", tmp_path / "libcuda.so.1"
    source.write_text(DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", library, source], check=True)
    run_python(
        """
import ctypes, sys
import numpy_bridge as bridge
from fake_interfaces import FakeCudaInterface
from support import refused

assert bridge.view(FakeCudaInterface(data=(4096, False))).device == "cuda:0"
driver = ctypes.CDLL(sys.argv[1])
assert bridge.view(FakeCudaInterface(data=(4096, False))).device == "cuda:3"
with refused("data", "__cuda_array_interface__", hint=None):
    bridge.view(FakeCudaInterface(data=(8192, False)))
with refused("data", "__cuda_array_interface__", hint="device='cuda_managed:0'"):
    bridge.view(FakeCudaInterface(data=(12288, False)))
assert bridge.view(FakeCudaInterface(data=(0, False), shape=(0,))).device == "cuda:0"
""",
        str(library),
    )
