"""JAX does what `explain` says of it, which goes by measured rules; and the ways to aligned memory work."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import ml_dtypes, needs_ml_dtypes, needs_torch, readonly, torch

OTHERS = ("JAX", "TensorFlow")


def address_in_jax(jax: Any, x: Any) -> int:
    return int(jax.dlpack.from_dlpack(x).unsafe_buffer_pointer())


def aligned(count: int, offset: int, dtype: str) -> np.ndarray:
    block = np.zeros(count * 16 + 256, "u1")
    start = -block.ctypes.data % 64 + offset
    array = block[start : start + count * np.dtype(dtype).itemsize].view(dtype)
    array[...] = 1
    return array


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "dtype", ["f4", "f2", "i4", "u1", "c8", "f8", "i8", "c16", "u8", "i1", "i2", "u2", "u4", "?"]
)
@pytest.mark.parametrize("offset", [0, 16, 32, 64])
def test_jax_does_what_its_rule_says(dtype: str, offset: int) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed: nox -s producers")
    x = aligned(24, offset, dtype)
    cases = [
        readonly(x.copy()),
        bridge.view(x, readonly=True),
        x,
        x.reshape(4, 6),
        x.reshape(4, 6).T,
        x[::2],
        x.reshape(4, 6)[:, 1:3],
        x[::-1],
    ]
    for case in cases + ([bridge.to_torch(x), bridge.to_torch(x)[1:]] if torch is not None else []):
        (target,) = [t for t in bridge.explain(case).targets if t.library == "JAX"]
        assert target.call.startswith("jax.dlpack.from_dlpack(")
        try:
            shared = address_in_jax(jax, case) == bridge.view(case).ptr
        except Exception:
            assert target.outcome == "refuses", target
        else:
            assert target.outcome == ("shares" if shared else "copies"), target


@needs_ml_dtypes
def test_jax_takes_from_a_view_what_numpy_does_not_export() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed: nox -s producers")
    x = aligned(24, 0, "u2").view(ml_dtypes.bfloat16)
    (target,) = [t for t in bridge.explain(x).targets if t.library == "JAX"]
    assert (target.outcome, target.instead) == ("refuses", "jax.dlpack.from_dlpack(bridge.view(x))")
    with pytest.raises(BufferError):
        jax.dlpack.from_dlpack(x)
    assert address_in_jax(jax, bridge.view(x)) == bridge.view(x).ptr


def test_jax_shares_wide_numbers_where_it_is_told_to() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed: nox -s producers")
    x = aligned(24, 0, "f8")
    (target,) = [t for t in bridge.explain(x).targets if t.library == "JAX"]
    assert target.outcome == "copies"
    before = jax.config.jax_enable_x64
    try:
        eval(target.instead, {"jax": jax})
        assert address_in_jax(jax, x) == bridge.view(x).ptr
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("dtype", ["f4", "u1", "?", "c8", "i2"])
def test_the_way_to_aligned_memory_works_without_another_library(dtype: str) -> None:
    x = aligned(24, 16, dtype).reshape(4, 6)
    for target in bridge.explain(x).targets:
        if target.library in OTHERS:
            assert target.outcome in ("copies", "unsafe")
            made = eval(target.instead, {"np": np, "mmap": mmap})
            assert (made.shape, made.dtype) == (x.shape, x.dtype)
            assert made.flags.writeable
            assert {t.outcome for t in bridge.explain(made).targets if t.library in OTHERS} == {"shares"}


@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_way_to_aligned_memory_for_a_tensor_is_a_tensor(dtype: str) -> None:
    x = torch.ones(9, dtype=getattr(torch, dtype))[1:]
    instead = {target.instead for target in bridge.explain(x).targets if target.library in OTHERS}
    assert instead == {f"torch.empty((8,), dtype=torch.{dtype})"}
    made = bridge.explain(eval(instead.pop(), {"torch": torch}))
    assert {target.outcome for target in made.targets if target.library in OTHERS} == {"shares"}
