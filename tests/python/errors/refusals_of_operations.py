"""Every text with which add_ and copy_ refuse, and what provokes it. See `refusals.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numpy_bridge import add_, copy_, from_pointer, view
from support import byte_swapped, strided


class Resizes:
    """Moves an array while its own memory is read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.kept = np.ones_like(array)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        self.array.resize(100_000, refcheck=False)
        return self.kept


def resized_meanwhile() -> object:
    x = np.zeros(2)
    return add_(x, Resizes(x))


def on(device: str) -> Any:
    return from_pointer(4096, (2,), "f4", device=device)


class CoreStream:
    """A stream as cuda.core has it, which may answer anything."""

    def __init__(self, *answer: object) -> None:
        self.answer = answer

    def __cuda_stream__(self) -> Any:
        return self.answer


FLOATS = np.zeros(2, "f4")
REFUSALS_OPERATIONS: list[tuple[Callable[[], Any], str]] = [
    # Parts of Views
    (
        lambda: view(np.zeros(2)).reshape(3),
        "reshape: shape: expected a shape of 2 elements, got (3,)",
    ),
    (
        lambda: view(np.zeros((2, 3)).T).reshape(6),
        "reshape: strides: expected strides that the shape (6,) can have, got (8, 24) for (3, 2); "
        "take a copy: numpy_bridge.to_numpy(v).reshape(...)",
    ),
    (
        lambda: view(np.zeros(2)[::-1]).cast("u1"),
        "cast: strides: expected a last axis without gaps for elements of 1 bytes from those of 8, got "
        "a stride of -8; take a copy first: numpy_bridge.view(numpy.ascontiguousarray(v))",
    ),
    (
        lambda: view(np.zeros(3, "u1")).cast("i2"),
        "cast: shape: expected a last axis of a multiple of 2 bytes, got 3 bytes",
    ),
    (
        lambda: view(np.zeros(())).cast("u1"),
        "cast: ndim: expected 1 or more dimensions for elements of 1 bytes from those of 8, got 0; "
        "reshape it to (1,)",
    ),
    (
        lambda: on("opencl:0")[1:],
        "View: device: expected memory with addresses, for a part that begins elsewhere, got opencl:0",
    ),
    # Streams that the caller names
    (
        lambda: add_(on("cuda:0"), 1, stream=0),
        "add_: stream: expected 1, 2 or a stream's handle, got 0; "
        "0 could mean either default stream: 1 legacy, 2 per thread",
    ),
    (
        lambda: copy_(on("cuda:0"), on("cuda:0"), stream=-1),
        "copy_: stream: expected 1, 2 or a stream's handle, got -1; "
        "leave the keyword out for the stream that the memory itself names",
    ),
    (
        lambda: view(FLOATS, stream=1),
        "view: stream: expected memory on a CUDA device, where streams are, got memory on cpu; "
        "leave the keyword stream out",
    ),
    (
        lambda: view(on("cuda:0"), stream=CoreStream(1, 7)),
        "view: __cuda_stream__: expected a pair of the version 0 and a handle, got (1, 7); "
        "pass the handle of a stream as an integer",
    ),
    (
        lambda: from_pointer(4096, (2,), "f4", device="cuda:0", stream=CoreStream(0, None)),
        "pointer: __cuda_stream__: expected a handle, got None; pass the handle of a stream as an integer",
    ),
    # Elements that only NumPy has
    (
        lambda: view(np.zeros(2, "M8[s]")).__dlpack__(),
        "DLPack: dtype: expected a dtype that DLPack has, got datetime64[s]; "
        "share the counts behind the times: np.asarray(x).view('i8')",
    ),
    (
        lambda: memoryview(view(np.zeros(1, "M8[s]"))),
        "buffer: request: expected a dtype that PEP 3118 has a format for, got datetime64[s]: ...",
    ),
    (
        lambda: add_(view(np.zeros(2, "i4,f4")), 1),
        "View: dtype: expected a supported number dtype, got ...; "
        "share one field at a time: numpy_bridge.fields(x)['f0']",
    ),
    (
        lambda: add_(bytes(2), 1),
        "add_: readonly: expected writable memory, got read-only memory of a bytes; "
        "write to a copy: numpy_bridge.to_numpy(x, copy=True)",
    ),
    (
        resized_meanwhile,
        "add_: memory: expected memory that stays in place during the call, got a numpy.ndarray "
        "that was resized during the call; do not resize it meanwhile, or share it first: "
        "numpy_bridge.view(x)",
    ),
    (
        lambda: add_(np.zeros(2, "?"), True),
        "add_: dtype: expected integers, floats of 16 bits or more, or complex numbers, got bool; "
        "use np.logical_or or torch.logical_or",
    ),
    (
        lambda: add_(from_pointer(FLOATS.ctypes.data, 8, "float8_e5m2", owner=FLOATS), 1),
        "add_: dtype: ..., got float8_e5m2; add in float32, and copy the result",
    ),
    (
        lambda: add_(FLOATS, np.zeros(2, "f8")),
        "add_: dtype: expected float32, like x, got float64; "
        "convert y first: y.astype(np.float32) or y.to(torch.float32)",
    ),
    (
        lambda: add_(byte_swapped(FLOATS), 1),
        "add_: byte order: expected native byte order, got >f4; copy_ converts byte orders",
    ),
    (
        lambda: add_(FLOATS, np.zeros((2, 2), "f4")),
        "add_: shape: expected a shape that broadcasts to (2,), got (2, 2); "
        "only the operand that is read can be broadcast",
    ),
    (
        lambda: add_(strided(FLOATS, (3,), (0,)), 1),
        "add_: strides: expected a target whose elements do not overlap each other, "
        "got (0,) for shape (3,); write to a copy: "
        "broadcast arrays and sliding windows have several elements at one address",
    ),
    (
        lambda: add_(on("rocm:0"), 1),
        "add_: device: expected memory on the host or on a CUDA device, got rocm:0; "
        "use its own library, or copy it to the host first",
    ),
    (
        lambda: add_(FLOATS, on("cuda:0")),
        "add_: device: expected memory on cpu, like x, got cuda:0; "
        "copy y first: numpy_bridge.copy_(new, y), where new is an array on cpu",
    ),
    (
        lambda: add_(from_pointer(4098, (2,), "f4", device="cuda:1"), 1),
        "add_: alignment: expected elements at multiples of 4 bytes on a device, "
        "got address 4098 with strides (4,); "
        "copy_ accepts misaligned memory: copy to new memory first",
    ),
    (
        lambda: add_(np.zeros(2, "i1"), 128),
        "add_: y: expected an integer from -128 to 127, as x is int8, got 128",
    ),
    (lambda: add_(np.zeros(2, "i1"), 1.5), "add_: y: expected an integer, as x is int8, got 1.5"),
    (lambda: add_(FLOATS, 1j), "add_: y: expected a real number, as x is float32, got 1j"),
    (lambda: add_(FLOATS, 1e39), "add_: y: expected a number in its range, as x is float32, got 1e+39"),
    (
        lambda: add_(FLOATS, 10**400),
        "add_: y: expected a number in the range of float64, as x is float32, got ...",
    ),
    (
        lambda: copy_(np.zeros(2, "i4"), FLOATS),
        "copy_: dtype: expected a dtype that casts to int32 by NumPy's rule 'same_kind', got float32; "
        'convert src first: src.astype(np.int32) or src.to(torch.int32), or pass casting="unsafe"',
    ),
    (
        lambda: copy_(np.zeros(2, "i4"), FLOATS, casting="some"),  # type: ignore[arg-type]
        "copy_: casting: expected 'no', 'equiv', 'safe', 'same_kind' or 'unsafe', got 'some'; "
        "leave the keyword out for 'same_kind'",
    ),
]
