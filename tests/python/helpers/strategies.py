"""Hypothesis strategies: arrays of every shape, stride, dtype and offset over one block of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

BUFFER = np.zeros(512, "u1")
DTYPES = ("u1", "i2", "f4", "f8", "c16")


@st.composite
def layouts(draw: Any, dtypes: tuple[str, ...] = DTYPES) -> np.ndarray:
    """An array over `BUFFER`. Strides may be negative, zero, odd, and elements may overlap."""
    ndim = draw(st.integers(0, 4))
    shape = tuple(draw(st.integers(0, 5)) for _ in range(ndim))
    array: np.ndarray = draw(layouts_of(draw(st.sampled_from(dtypes)), shape))
    return array


@st.composite
def layouts_of(draw: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape over `BUFFER`; one element of it where the strides are too wide."""
    dtype = np.dtype(dtype)
    step = st.integers(-40, 40) | st.sampled_from([0, dtype.itemsize, -dtype.itemsize, 64])
    strides = tuple(draw(step) for _ in shape)
    reaches = [stride * max(0, extent - 1) for extent, stride in zip(shape, strides, strict=True)]
    low, high = -sum(r for r in reaches if r < 0), sum(r for r in reaches if r > 0) + dtype.itemsize
    offset = draw(st.integers(low, max(low, len(BUFFER) - high)))
    if offset + high > len(BUFFER):  # too wide: one element instead
        shape, strides, offset = (), (), offset % (len(BUFFER) - dtype.itemsize)
    return np.ndarray(shape, dtype, BUFFER, offset, strides)


@st.composite
def operands(draw: Any, dtypes: tuple[str, ...], other_dtypes: tuple[str, ...] = ()) -> Any:
    """Two arrays over `BUFFER`, the second of a shape that broadcasts to the first's.

    Their dtypes are the same, unless there are `other_dtypes`.
    """
    dtype = draw(st.sampled_from(dtypes))
    target = draw(layouts((dtype,)))
    first = draw(st.integers(0, target.ndim))
    shape = tuple(draw(st.sampled_from([extent, extent, 1])) for extent in target.shape[first:])
    return target, draw(layouts_of(draw(st.sampled_from(other_dtypes or (dtype,))), shape))


def elements_overlap(array: np.ndarray) -> bool:
    """Whether two elements share a byte: found by walking through all of them."""
    if array.size == 0:
        return False
    places = np.zeros((1,), np.int64)
    for extent, stride in zip(array.shape, array.strides, strict=True):
        places = (places[:, None] + np.arange(extent) * stride).ravel()
    return bool((np.diff(np.sort(places)) < array.itemsize).any())


@st.composite
def everyday_layouts(draw: Any, dtypes: tuple[str, ...] = DTYPES) -> np.ndarray:
    """The same with aligned elements and strides that every protocol has words for."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    count = len(BUFFER) // dtype.itemsize
    base = BUFFER.view(dtype)[draw(st.integers(0, count // 2)) :]
    shape = draw(st.sampled_from([(len(base),), (len(base) // 4, 4), (2, len(base) // 8, 4)]))
    array = base[: int(np.prod(shape))].reshape(shape)
    steps = tuple(slice(draw(st.integers(0, 2)), None, draw(st.integers(1, 3))) for _ in shape)
    return array[steps].transpose(draw(st.permutations(range(len(shape)))))
