"""`to` and `empty` with real libraries: sharing is proved by writing. `nox -s faults` has them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch

MUTABLE = {"allow_mutable": True}


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed: nox -s faults")


def block(shape: tuple[int, ...] = (4, 6), dtype: str = "float32") -> np.ndarray:
    """Aligned memory that holds 0, 1, 2, ..."""
    array = bridge.to_numpy(bridge.empty(shape, dtype))
    array[...] = np.arange(array.size).reshape(shape)
    return array


def first_of_jax(x: Any) -> float:
    return float(np.asarray(x.ravel()[0]))


def set_first_of_tensor(tensor: Any, value: float) -> None:
    tensor.to_numpy().flat[0] = value


def set_first_of_frame(frame: Any, value: float) -> None:
    frame.iloc[(0,) * frame.ndim] = value


def first_of_lists(x: Any) -> float:
    values = x[0]
    while not isinstance(values, float):
        values = values[0]
    return values


# What each library is asked for, how it reads its first element, and how it writes it.
Read, Write = Callable[[Any], Any], Callable[[Any, float], None] | None
KINDS: dict[str, tuple[str, str, Read, Write]] = {
    "numpy": ("numpy", "numpy", lambda x: x.flat[0], lambda x, value: x.flat.__setitem__(0, value)),
    "torch": ("torch", "torch", lambda x: x.ravel()[0].item(), lambda x, value: x.view(-1)[:1].fill_(value)),
    "jax": ("jax", "jax.numpy", first_of_jax, None),
    "arrow": ("pyarrow", "pyarrow.Array", lambda x: first_of_lists(x.to_numpy_ndarray().tolist()), None),
    "tensor": ("pyarrow", "pyarrow.Tensor", lambda x: x.to_numpy().flat[0], set_first_of_tensor),
    "pandas": ("pandas", "pandas", lambda x: x.iloc[(0,) * x.ndim], set_first_of_frame),
    "polars": ("polars", "polars", lambda x: first_of_lists(x.to_list()), None),
}


def like(kind: str) -> Any:
    needed, path, *_ = KINDS[kind]
    library(needed)
    name, _, attribute = path.partition(".")
    return importlib.import_module(path) if path == "jax.numpy" else _attribute(name, attribute)


def _attribute(name: str, attribute: str) -> Any:
    module = importlib.import_module(name)
    return getattr(module, attribute) if attribute else module


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_writes_are_seen_on_both_sides(kind: str, shape: tuple[int, ...]) -> None:
    if kind == "pandas" and len(shape) > 2:
        shape = (24,)
    _, _, read, write = KINDS[kind]
    source = block(shape)
    shared = bridge.to(source, like(kind), **MUTABLE)
    source.flat[0] = 99
    assert read(shared) == 99
    if write:
        write(shared, 55)
        assert source.flat[0] == 55


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_shape(kind: str) -> None:
    source = block()
    shared = bridge.to(source, like(kind), **MUTABLE)
    back = bridge.to_numpy(shared)
    assert back.dtype == source.dtype
    assert back.tolist() == source.tolist()


@pytest.mark.parametrize("copy", [None, True])
@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_new_memory(kind: str, copy: bool | None) -> None:
    """Reversed memory: nobody but NumPy, pandas and Arrow's Tensor can share it as it is."""
    _, _, read, _ = KINDS[kind]
    source = block()
    source.flags.writeable = False
    copied = bridge.to(source[:, ::-1], like(kind), copy=copy)
    assert read(copied) == 5
    if copy or kind not in ("numpy", "pandas"):
        source.flags.writeable = True
        source[...] = 0
        assert read(copied) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_read_only_stays_read_only(kind: str) -> None:
    _, _, read, write = KINDS[kind]
    source = block()
    source.flags.writeable = False
    if kind == "torch":
        with pytest.raises(bridge.SharingError, match="allow_readonly=True"):
            bridge.to(source, like(kind))
        return
    shared = bridge.to(source, like(kind))
    assert bridge.view(shared).readonly
    assert bridge.shares_memory(shared, source)
    if write:
        with pytest.raises(ValueError, match="read-only"):
            write(shared, 3)
    assert read(shared) == 0


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("numpy", "torch", "tensor", "pandas")]
)
def test_without_leave_writable_memory_is_copied_for_those_that_never_change(kind: str) -> None:
    source = block()
    copied = bridge.to(source, like(kind), copy=None)
    source[...] = 7
    assert KINDS[kind][2](copied) == 0
    with pytest.raises(bridge.SharingError, match=r"expected read-only memory.*allow_mutable=True"):
        bridge.to(source, like(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_one_already_is_returned(kind: str) -> None:
    shared = bridge.to(block(), like(kind), **MUTABLE)
    assert bridge.to(shared, like=shared) is shared
    assert bridge.to(shared, like=shared, device="cpu") is shared
    assert bridge.to(shared, like=shared, copy=True) is not shared


@pytest.mark.parametrize("kind", KINDS)
def test_memory_without_elements(kind: str) -> None:
    shared = bridge.to(np.empty((0, 3), "float32"), like(kind))
    assert len(bridge.to_numpy(shared)) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_owner_is_kept_alive(kind: str) -> None:
    shared = bridge.to(block((1 << 12,)).copy(), like(kind), copy=None)
    np.full(1 << 12, 3, np.float32)  # would be given memory that was freed
    assert bridge.to_numpy(shared)[1:3].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_polars_shares_what_is_aligned_to_its_itemsize(dtype: str) -> None:
    """It copies other memory silently, without regard to `allow_mutable`."""
    library("polars")
    source = block((16,), dtype)[1:]
    series = bridge.to(source, "polars", **MUTABLE)
    source[0] = 9
    assert series[0] == 9
    misaligned = np.frombuffer(bytearray(80), np.uint8)[1:65].view(dtype)
    if misaligned.itemsize > 1:
        with pytest.raises(bridge.SharingError) as caught:
            bridge.to(misaligned, "polars", **MUTABLE)
        assert (caught.value.protocol, caught.value.field) == ("polars", "alignment")
    assert bridge.to(misaligned, "polars", copy=None).to_list() == [0] * (64 // misaligned.itemsize)


def test_pandas_copies_on_write() -> None:
    """As docs/targets.md says: only while something else uses the memory."""
    library("pandas")
    source = block((4,))
    series = bridge.to(source, "pandas")
    series.iloc[0] = 9
    assert source[0] == 9
    part = series[1:3]
    series.iloc[1] = 8
    assert (source[1], part.iloc[0]) == (1, 1)
    assert not bridge.shares_memory(series, source)


# jax


def test_a_jax_array_changes_when_its_source_is_written() -> None:
    """Why `allow_mutable` must be asked for: jax relies on memory that stays as it is."""
    jax = library("jax")
    source = block((16,))
    array = bridge.to_jax(source, **MUTABLE)
    total = jax.jit(lambda x: x.sum())
    before = float(total(array))
    source[0] += 1000
    assert float(total(array)) == before + 1000


def test_jax_does_not_write_to_memory_that_was_lent() -> None:
    """A donated buffer would be written. So memory that is read-only for the kernel may be lent."""
    jax = library("jax")
    source = block((16,))
    source.flags.writeable = False
    array = bridge.to_jax(source)
    changed = jax.jit(lambda x: x + 1, donate_argnums=0)(array)
    assert changed[0] == 1
    assert source[0] == 0


# Whether jax keeps what it reads in a function, for later calls.
TRANSFORMS: dict[str, tuple[bool, Callable[[Any, Any], Any]]] = {
    "grad": (False, lambda jax, function: jax.grad(function)(1.0)),
    "vmap": (False, lambda jax, function: jax.vmap(function)(np.ones(2))),
    "pure_callback": (
        False,
        lambda jax, function: jax.jit(
            lambda x: jax.pure_callback(function, jax.ShapeDtypeStruct((), "float32"), x)
        )(1.0),
    ),
    "compile time": (False, lambda jax, function: jax.jit(lambda x: in_compile_time(jax, function, x))(1.0)),
    "jit": (True, lambda jax, function: jax.jit(function)(1.0)),
    "jit of grad": (True, lambda jax, function: jax.jit(jax.grad(function))(1.0)),
    "grad of jit": (True, lambda jax, function: jax.grad(jax.jit(function))(1.0)),
    "scan": (True, lambda jax, function: jax.lax.scan(lambda c, x: (c, function(x)), 0, np.ones(2))),
    "checkpoint": (True, lambda jax, function: jax.grad(jax.checkpoint(function))(1.0)),
}


def in_compile_time(jax: Any, function: Any, x: Any) -> Any:
    with jax.ensure_compile_time_eval():
        return function(x)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_memory_is_not_frozen_into_a_function_of_jax(name: str) -> None:
    jax = library("jax")
    kept, transform = TRANSFORMS[name]
    source, shared, refused = block((16,)), [], []

    def function(x: Any) -> Any:
        try:
            shared.append(bridge.to_jax(source, **MUTABLE))
        except bridge.SharingError as error:
            refused.append(error.field)
        return x * 1.0

    jax.block_until_ready(transform(jax, function))
    assert bool(shared) != kept
    assert set(refused) == ({"tracing"} if kept else set())
    for array in shared:
        assert bridge.shares_memory(array, source)


@pytest.mark.parametrize("dtype", ["int64", "float64", "complex128"])
def test_wide_numbers_need_x64(dtype: str) -> None:
    jax = library("jax")
    source = block((8,), dtype)
    for copy in (False, None, True):
        with pytest.raises(bridge.SharingError, match="jax_enable_x64"):
            bridge.to_jax(source, copy=copy, **MUTABLE)
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        assert bridge.to_jax(source, **MUTABLE).dtype == dtype
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (2, 0, 1)], ids=str)
def test_jax_takes_the_axes_in_any_order(axes: tuple[int, ...]) -> None:
    library("jax")
    source = block((2, 3, 4)).transpose(axes)
    array = bridge.to_jax(source, **MUTABLE)
    source[1, 1, 1] = 77
    assert np.array_equal(np.asarray(array), source)


@needs_torch
def test_tensors_without_plain_memory_are_copied_by_value() -> None:
    import torch

    library("jax")
    odd = torch.arange(4.0).to(torch.complex64).mul(1j).conj()
    assert np.asarray(bridge.to_jax(odd, copy=None)).tolist() == odd.tolist()
    tracked = torch.ones(3, requires_grad=True)
    assert np.asarray(bridge.to_jax(tracked, copy=None)).tolist() == [1, 1, 1]


# The libraries that cannot share here


def test_mlx_copies_on_the_cpu() -> None:
    mlx = library("mlx.core")
    source = block()
    copied = bridge.to(source, mlx, copy=None)
    reversed_ = bridge.to(source[:, ::-1], mlx, copy=None)
    source[...] = 0
    assert copied[1, 1].item() == 7
    assert reversed_[1, 0].item() == 11
    if mlx.default_device() == mlx.cpu:
        with pytest.raises(bridge.SharingError, match="Pass copy=None"):
            bridge.to(source, "mlx")


@pytest.mark.parametrize("kind", KINDS)
def test_empty_like(kind: str) -> None:
    made = bridge.empty((2, 3), "float32", like=like(kind))
    bridge.to_numpy(made)[...] = 4
    assert KINDS[kind][2](bridge.to(made, like(kind), **MUTABLE)) == 4
