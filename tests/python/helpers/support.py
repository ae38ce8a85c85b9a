"""What the tests share: optional libraries, arrays of every kind, and proofs of aliasing by writing.

A proof writes through one side and reads from the other. Addresses are never compared instead.
"""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

try:
    import torch
except ImportError:
    torch = None
try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

needs_torch = pytest.mark.skipif(
    torch is None, reason="torch is not installed: pip install 'numpy-bridge[torch]'"
)
needs_ml_dtypes = pytest.mark.skipif(
    ml_dtypes is None, reason="ml_dtypes is not installed: pip install 'numpy-bridge[ml-dtypes]'"
)


def is_torch(oldest: str) -> bool:
    """Whether torch is of that version or newer."""
    return bool(torch.__version__ >= torch.torch_version.TorchVersion(oldest))


needs_numpy_2 = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0",
    reason="NumPy before 2.1 takes unversioned capsules only, and always for read-only",
)

# Element types

NUMBERS = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
FLOAT8_OF_BOTH = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]
FLOAT8_OF_ML_DTYPES = ["float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz"]
EXTENSIONS = ["bfloat16", *FLOAT8_OF_BOTH]

needs_float8 = pytest.mark.skipif(
    torch is not None and not is_torch("2.10"), reason="DLPack of torch before 2.10 has no float8 or float4"
)
TORCH_DTYPES = [
    *NUMBERS,
    pytest.param("bfloat16", marks=needs_ml_dtypes),
    *(pytest.param(name, marks=[needs_ml_dtypes, needs_float8]) for name in FLOAT8_OF_BOTH),
]
ARRAY_DTYPES = [*TORCH_DTYPES, *(pytest.param(name, marks=needs_ml_dtypes) for name in FLOAT8_OF_ML_DTYPES)]


def dtype_named(name: str) -> np.dtype[Any]:
    return np.dtype(name if name in NUMBERS else getattr(ml_dtypes, name))


# Arrays: 24 values that every dtype holds exactly and that repeat with no period, in many layouts

VALUES = [1, 2, 4, 8, 8, 2, 1, 1, 4, 2, 2, 8, 1, 8, 4, 4, 1, 2, 8, 1, 4, 8, 2, 4]
MAX_NDIM = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32


def base_array(name: str = "float64") -> np.ndarray:
    values = np.array(VALUES)
    return values.astype(dtype_named(name)) if name != "bool" else values > 2


def strided(
    base: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> np.ndarray:
    """`as_strided`, which refuses the dtypes of ml_dtypes; `offset` and `strides` are bytes."""
    return np.ndarray(shape, base.dtype, base, offset, strides)


def with_odd_strides(base: np.ndarray) -> np.ndarray:
    apart = strided(base, (4,), (base.itemsize + 1,))
    apart[...] = base[:4].copy()
    return apart


def readonly(memory: np.ndarray) -> np.ndarray:
    memory.flags.writeable = False
    return memory


def byte_swapped(base: np.ndarray) -> np.ndarray:
    return base.astype(base.dtype.newbyteorder())


Layout = Callable[[np.ndarray], np.ndarray]

FORWARD: dict[str, Layout] = {
    "0-d": lambda b: b[5:6].reshape(()),
    "one": lambda b: b[5:6],
    "empty": lambda b: b[:0],
    "empty-3x0": lambda b: b[:0].reshape(3, 0),
    "1-d": lambda b: b,
    "c-order": lambda b: b.reshape(4, 6),
    "transposed": lambda b: b.reshape(4, 6).T,
    "every-second": lambda b: b[1::2],
    "block": lambda b: b.reshape(4, 6)[1:3, 1:5:2],
    "broadcast": lambda b: strided(b, (3, 4), (0, b.itemsize)),
    "64-dim": lambda b: b[:4].reshape((1,) * (MAX_NDIM - 3) + (2, 1, 2)),
    "one-reversed": lambda b: b[5:6][::-1],
}
BACKWARD: dict[str, Layout] = {
    "reversed": lambda b: b[::-1],
    "reversed-rows": lambda b: b.reshape(4, 6)[::-1, ::2],
}
ODD: dict[str, Layout] = {"odd-strides": with_odd_strides, "byte-swapped": byte_swapped}
LAYOUTS = {**FORWARD, **BACKWARD, **ODD}


def dtype_layouts(names: list[Any], layouts: Iterable[str]) -> list[Any]:
    """All pairs that exist: single bytes have no order, and no strides between multiples of one byte."""
    cases = []
    for each in names:
        name, marks = (each.values[0], each.marks) if hasattr(each, "values") else (each, ())
        plain = name in EXTENSIONS + FLOAT8_OF_ML_DTYPES or dtype_named(name).itemsize == 1
        cases += [
            pytest.param(name, layout, marks=marks, id=f"{name}-{layout}")
            for layout in layouts
            if not (plain and layout in ODD)
        ]
    return cases


TENSOR_LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "0-d": lambda t: t[5],
    "empty": lambda t: t[:0],
    "empty-3x0": lambda t: t[:0].view(3, 0),
    "1-d": lambda t: t,
    "transposed": lambda t: t.view(4, 6).T,
    "every-second": lambda t: t[1::2],
    "block": lambda t: t.view(4, 6)[1:3, 1:5:2],
    "broadcast": lambda t: t[:4].expand(3, 4),
    "64-dim": lambda t: t[:4].view((1,) * (MAX_NDIM - 3) + (2, 1, 2)),
}


def base_tensor(name: str = "float64") -> Any:
    return torch.tensor(VALUES).to(getattr(torch, name)) if name != "bool" else torch.tensor(VALUES) > 2


# Reading and writing through a side's own interface


def peek(x: Any) -> list[Any] | Any:
    """The values of `x`, read by its own library."""
    if isinstance(x, (np.ndarray, memoryview)) or (torch is not None and isinstance(x, torch.Tensor)):
        return x.tolist()
    if isinstance(x, bridge.View):
        return np.asarray(x).tolist()
    return [number(value) for value in x[:]]


def number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def poke(x: Any, first: bool) -> None:
    """Change the first or the last element of `x` through its own library."""
    if isinstance(x, bridge.View):
        x = np.asarray(x)
    index: Any = 0 if first else -1
    if hasattr(x, "ndim"):
        index = (index,) * x.ndim if x.ndim else ()
    elif not first:
        index = len(x[:]) - 1
    old = number(x[index])
    x[index] = not old if isinstance(old, bool) else (2 if old == 1 else 1)
    assert number(x[index]) != old


def is_empty(x: Any) -> bool:
    return 0 in x.shape


def assert_aliases(a: Any, b: Any) -> None:
    """Prove that `a` and `b` are the same elements of the same memory, writing through each."""
    assert peek(a) == peek(b)
    if is_empty(b):
        return
    for writer, first in ((a, False), (b, True), (a, True), (b, False)):
        before = peek(b)
        poke(writer, first)
        assert peek(b) != before
        assert peek(a) == peek(b)


def assert_independent(a: Any, b: Any) -> None:
    """Prove that `a` and `b` have equal values in different memory, writing through each."""
    assert peek(a) == peek(b)
    if is_empty(b):
        return
    for writer, other in ((a, b), (b, a)):
        before = peek(other)
        poke(writer, first=False)
        assert peek(other) == before


# Refusals and processes


@contextmanager
def refused(field: str, protocol: str | None = None, *, hint: str | None = "") -> Iterator[None]:
    """The block raises SharingError about `field`, with a hint that says something (`hint`)."""
    with pytest.raises(bridge.SharingError) as caught:
        yield
    error = caught.value
    assert error.field == field
    assert protocol in (None, error.protocol)
    assert error.expected
    assert error.got
    if hint is not None:
        assert error.hint
        assert hint in error.hint
    assert "\n" not in str(error) or error.field == "protocols"


def run_together(threads: Iterable[threading.Thread]) -> None:
    """Start them all, let them take turns as often as Python can, and wait for their ends."""
    threads, interval = list(threads), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """Run a program to its end in a new interpreter; its output. It must exit with status 0."""
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
            **environment,
        },
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Exception ignored" not in done.stderr
    return done.stdout


def in_child(function: Callable[[], None]) -> None:
    """Call `function` in a fork of this process, where it may crash; its failure fails here too."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other threads, which the child does not need
        child = os.fork()
    if child == 0:
        status = 1
        faulthandler.disable()
        try:
            if torch is not None:
                torch.set_num_threads(1)  # a fork has none of the others
            function()
            status = 0
        except BaseException:
            os.write(write, traceback.format_exc()[-8000:].encode())
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"status {status} (negative: killed by that signal)\n{text}"
