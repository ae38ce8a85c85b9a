"""`stream=`: what stands for a CUDA stream, and what does not. Views say theirs without a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FakeCudaInterface
from numpy_bridge import add_, copy_, from_pointer
from support import needs_torch, refused, run_python

CALLS: dict[str, Callable[[Any], Any]] = {
    "add_": lambda stream: add_(FakeCudaInterface(), 1, stream=stream),
    "copy_": lambda stream: copy_(FakeCudaInterface(), FakeCudaInterface(), stream=stream),
    "view": lambda stream: bridge.view(FakeCudaInterface(), stream=stream),
    "pointer": lambda stream: from_pointer(0, 0, "f4", device="cuda:0", stream=stream),
}


def stream_type(module: str, **attributes: Any) -> type:
    return type("Stream", (), {"__module__": module, **attributes})


def with_pair(answer: Any) -> Any:
    return stream_type("cuda.core", __cuda_stream__=lambda self: answer)()


STREAMS: dict[str, tuple[Any, int | None]] = {
    "none": (None, None),
    "legacy": (1, 1),
    "per thread": (2, 2),
    "handle": (2**63 + 9, 2**63 + 9),
    "cuda.core": (with_pair((0, 77)), 77),
    "cuda.core's default": (with_pair((0, 0)), 1),
    "a pair as attribute": (stream_type("someone", __cuda_stream__=(0, 77))(), 77),
    "torch": (stream_type("torch.cuda.streams", cuda_stream=77)(), 77),
    "torch's default": (stream_type("torch.cuda.streams", cuda_stream=0)(), 1),
    "cupy": (stream_type("cupy.cuda.stream", ptr=77)(), 77),
    "cupy's default": (stream_type("cupy.cuda.stream", ptr=0)(), 1),
}


@pytest.mark.parametrize("name", STREAMS)
def test_what_stands_for_a_stream(name: str) -> None:
    stream, number = STREAMS[name]
    for shared in (
        bridge.view(FakeCudaInterface(stream=None), stream=stream),
        from_pointer(0, 0, "f4", device="cuda:0", stream=stream),
        from_pointer(0, 0, "f4", device="cuda_managed:0", stream=stream),
        bridge.view([FakeCudaInterface(stream=None)], stream=stream, tree=True)[0],
    ):
        assert shared.__cuda_array_interface__["stream"] == number
        assert bridge.view(shared).__cuda_array_interface__["stream"] == number


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("stream", "hint"),
    [(0, "1 legacy, 2 per thread"), (-1, "leave the keyword out"), (2**64, "leave the keyword out")],
)
def test_numbers_that_no_stream_has(call: str, stream: int, hint: str) -> None:
    with refused("stream", call, hint=hint):
        CALLS[call](stream)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer", [(1, 7), (0,), (0, 7, 7), [0, 7], 7, (0, "7"), (0, -1), (True, 7), (0, None)]
)
def test_answers_that_are_no_pair_of_version_and_handle(call: str, answer: Any) -> None:
    with refused("__cuda_stream__", call, hint="pass the handle of a stream as an integer"):
        CALLS[call](with_pair(answer))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("stream", ["7", 7.0, True, object(), [7], stream_type("someone", ptr=7)()], ids=repr)
def test_other_kinds(call: str, stream: Any) -> None:
    name = "from_pointer" if call == "pointer" else call
    with pytest.raises(TypeError, match=rf"^{name}\(\): stream: expected an integer, an object with"):
        CALLS[call](stream)


def test_errors_of_the_object_are_raised() -> None:
    def fail(self: Any) -> None:
        raise LookupError("closed")

    with pytest.raises(LookupError, match="closed"):
        bridge.view(FakeCudaInterface(), stream=stream_type("cuda.core", __cuda_stream__=fail)())


def test_memory_of_the_host_has_no_stream() -> None:
    x = np.zeros(3)
    for function, call in (
        ("add_", lambda: add_(x, 1, stream=1)),
        ("copy_", lambda: copy_(x, x, stream=1)),
        ("view", lambda: bridge.view(x, stream=1)),
        ("pointer", lambda: from_pointer(0, 0, "f4", stream=1)),
        ("pointer", lambda: from_pointer(0, 0, "f4", device="cuda_host:0", stream=1)),
    ):
        with refused("stream", function, hint="leave the keyword stream out"):
            call()
    assert x.tolist() == [0] * 3
    assert add_(x, 1, stream=None) is copy_(x, x, stream=None) is x


def test_a_stream_with_work_needs_kernels_to_be_waited_for() -> None:
    code = """
import sys
sys.modules["numpy_bridge._cuda"] = None
import numpy_bridge as bridge
from fake_interfaces import FakeCudaInterface
x = FakeCudaInterface(stream=7)
assert bridge.view(x, stream=7).__cuda_array_interface__["stream"] == 7
try:
    bridge.view(x, stream=8)
except bridge.SharingError as error:
    print(error.protocol, error.field, error.expected)
"""
    assert run_python(code) == "view stream stream 7, which has pending work on this memory\n"


@needs_torch
def test_torch_without_the_exchange_api_is_used_on_its_current_stream() -> None:
    """A tensor that says it is on a device: torch's own streams need one."""
    code = """
import torch
del torch.Tensor.__dlpack_c_exchange_api__
import numpy_bridge as bridge
from fakes import FakeTensor
asked = []
class Tensor(torch.Tensor):
    is_cuda, is_cpu = True, False
    def __dlpack__(self, *, stream=None, max_version=None, copy=None):
        asked.append(stream)
        self.lent = FakeTensor(device=(2, 3))
        return self.lent.__dlpack__()
    def __dlpack_device__(self):
        return (2, 3)
class Current:
    cuda_stream = 77
torch.cuda.current_stream = lambda index: Current if index == 3 else None
x = torch.zeros(6).as_subclass(Tensor)
shared = bridge.view(x)
print(shared.device, shared.__cuda_array_interface__["stream"], asked)
Current.cuda_stream = 0
print(shared.__cuda_array_interface__["stream"])
"""
    assert run_python(code).splitlines() == ["cuda:3 77 [-1]", "1"]
