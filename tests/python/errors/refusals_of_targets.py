"""Every text with which `to` and `empty` refuse, and what provokes it. See `refusals.py`.

The first entry is the library that the refusal needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import numpy_bridge as bridge

to = partial(bridge.to, allow_mutable=True)
COPY = "pass copy=None to copy the values once"


def aligned(shape: tuple[int, ...] = (4, 16), dtype: str = "float32") -> np.ndarray:
    return bridge.to_numpy(bridge.empty(shape, dtype))


def on_a_device() -> bridge.View:
    return bridge.from_pointer(4096, (2,), "f4", device="cuda:0")


def traced(copy: bool | None) -> object:
    import jax

    return jax.jit(lambda x: to(x, "jax", copy=copy))(np.ones(2))


def while_traced(shape: tuple[int, ...], copy: bool | None) -> object:
    import jax

    return jax.jit(lambda: to(aligned(shape), "jax", copy=copy))()


def of_pyarrow(name: str) -> Any:
    import pyarrow

    return getattr(pyarrow, name)


def of_pandas(name: str) -> Any:
    import pandas

    return getattr(pandas, name)


def of_polars(values: list[Any]) -> Any:
    import polars

    return polars.Series(values)


REFUSALS_TARGETS: list[tuple[str, Callable[[], Any], str]] = [
    (
        "jax",
        lambda: bridge.to_jax(aligned()),
        "jax: readonly: expected read-only memory, since its arrays must never change, got writable memory; "
        f"{COPY}, or pass allow_mutable=True and write only while nothing reads the result",
    ),
    (
        "jax",
        lambda: to(aligned()[0, 1:], "jax"),
        "jax: alignment: expected an address that is a multiple of 64 bytes, got a multiple of 4; "
        f"{COPY}, or make the memory with numpy_bridge.empty((15,), 'float32')",
    ),
    (
        "jax",
        lambda: to(aligned()[:, ::2], "jax"),
        f"jax: strides: expected strides of elements without gaps, got (64, 8) bytes; {COPY}",
    ),
    (
        "jax",
        lambda: to(aligned((4,), ">f4"), "jax"),
        f"jax: byte order: expected the machine's own byte order, got >f4; {COPY}",
    ),
    (
        "jax",
        lambda: to(aligned((4,), "float64"), "jax", copy=None),
        "jax: dtype: expected at most 32 bits, as jax_enable_x64 is off, got float64; "
        'call jax.config.update("jax_enable_x64", True) first',
    ),
    *(
        (
            "jax",
            lambda copy=copy: traced(copy),
            "jax: tracing: expected an array, got a traced value, which has no memory yet; "
            "convert it outside of the function that jax transforms",
        )
        for copy in (False, None, True)
    ),
    *(
        (
            "jax",
            lambda shape=shape, copy=copy: while_traced(shape, copy),
            "jax: tracing: expected a call outside of jax.jit, got a function that is being traced, which "
            "would keep the values of this call for all later ones; "
            "convert it outside of the function that jax transforms",
        )
        for shape in ((4, 16), (0, 16))
        for copy in (False, None, True)
    ),
    (
        "jax",
        lambda: to(aligned(), "jax", device="cuda:0"),
        "jax: device: expected memory on cuda:0, got memory on cpu; "
        "move it there first, with the library that it belongs to",
    ),
    (
        "jax",
        lambda: to(aligned(), "jax", device="cuda:0", copy=True),
        "jax: device: expected a copy on the host, got a copy on cuda:0; "
        "share it and copy the result with the library, or pass device='cpu'",
    ),
    (
        "jax",  # built for the CPU
        lambda: to(bridge.from_pointer(4096, (0, 2), "f4", device="cuda:0"), "jax", device="cuda:0"),
        "jax: call: expected that it takes this memory, got ...",
    ),
    (
        "numpy",
        lambda: to(aligned(), "numpy", device="cuda"),
        "numpy: device: expected memory on cuda, got memory on cpu; "
        "move it there first, with the library that it belongs to",
    ),
    (
        "pyarrow",
        lambda: to(on_a_device(), "pyarrow"),
        "pyarrow: device: expected memory on cpu, got memory on cuda:0; "
        "pass copy=None and device='cpu' to copy it to the host",
    ),
    (
        "pyarrow",
        lambda: to(np.ones(3, bool), of_pyarrow("Tensor")),
        "pyarrow: dtype: expected a dtype that pyarrow has, got bool; convert it to float16, float32, ... or "
        "uint8",
    ),
    (
        "pyarrow",
        lambda: to(aligned().T, "pyarrow"),
        f"pyarrow: strides: expected strides of C order, got (4, 64) bytes; {COPY}",
    ),
    (
        "pyarrow",
        lambda: to(aligned()[::-1], of_pyarrow("Tensor")),
        f"pyarrow: strides: expected strides of 0 or more, got (-64, 4) bytes; {COPY}",
    ),
    (
        "pyarrow",
        lambda: to(np.array(1.0), "pyarrow"),
        "pyarrow: ndim: expected an axis or more, got ndim = 0; "
        "pass like=pyarrow.Tensor, or share x.reshape(1)",
    ),
    (
        "pyarrow",
        lambda: to(np.ones(3), of_pyarrow("FixedShapeTensorArray")),
        "pyarrow: ndim: expected 2 axes or more, got ndim = 1; pass like=pyarrow.Array",
    ),
    (
        "pyarrow",
        lambda: to(np.ones((3, 0)), "pyarrow"),
        "pyarrow: shape: expected elements along all axes but the first, got (3, 0); "
        "pass like=pyarrow.Tensor",
    ),
    (
        "polars",
        lambda: to(np.array(1.0), "polars"),
        "polars: ndim: expected an axis or more, got ndim = 0; share x.reshape(1)",
    ),
    (
        "polars",
        lambda: to(aligned((72,), "uint8")[1:65].view("f8"), "polars"),
        "polars: alignment: expected an address that is a multiple of 8 bytes, got a multiple of 1; "
        f"{COPY}, or make the memory with numpy_bridge.empty((8,), 'float64')",
    ),
    *(
        (
            "polars",
            lambda like=like, copy=copy: to(of_polars([1, None]), like, copy=copy),
            "polars: missing: expected a value for every element, got missing values; "
            "fill them first, or take NaN for each: numpy.asarray(x)",
        )
        for like in ("numpy", "jax", "pyarrow")
        for copy in (False, None, True)
    ),
    (
        "polars",
        lambda: to(of_polars([object()]), "polars", copy=True),
        "polars: call: expected that it copies its own array, got ...Object...",
    ),
    (
        "pandas",
        lambda: to(np.ones((1, 2, 3)), "pandas"),
        "pandas: ndim: expected one axis or two, got ndim = 3; "
        "share x.reshape(...): a Series has one axis, a DataFrame two",
    ),
    (
        "pandas",
        lambda: to(np.ones((1, 2)), of_pandas("Series")),
        "pandas: ndim: expected one axis, got ndim = 2; "
        "share x.reshape(...): a Series has one axis, a DataFrame two",
    ),
    (
        "pandas",
        lambda: to(np.ones(2), of_pandas("DataFrame")),
        "pandas: ndim: expected two axes, got ndim = 1; "
        "share x.reshape(...): a Series has one axis, a DataFrame two",
    ),
    (
        "mlx.core",
        lambda: to(aligned((4,), "float64"), "mlx", copy=None),
        "mlx: dtype: expected a dtype that mlx has, got float64; convert it to bfloat16, bool, ... or uint8",
    ),
    *(
        (
            "mlx.core",
            lambda copy=copy: to(aligned(), "mlx", copy=copy, device="cuda:0"),
            "mlx: device: expected memory on cuda:0, got memory on cpu; "
            "move it there first, with the library that it belongs to",
        )
        for copy in (False, None, True)
    ),
    (
        "mlx.core",
        lambda: to(aligned(), "mlx"),
        f"mlx: copy: expected memory that it can share, got ...; {COPY}",
    ),
    (
        "mlx.core",
        lambda: to(aligned((4,), ">f4"), "mlx", copy=None),
        "mlx: byte order: expected the machine's own byte order, got >f4; "
        "convert it first: x.astype(x.dtype.newbyteorder('='))",
    ),
    (
        "numpy",
        lambda: bridge.empty(3, "float32", 48),
        "empty: align: expected a power of two, got 48",
    ),
]
