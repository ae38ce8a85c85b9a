"""jax arrays and Arrow tensors in messages."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from sending import COPIES, buffers_of, out_of_band

ways = pytest.mark.parametrize("way", [*COPIES.values(), out_of_band], ids=[*COPIES.keys(), "out of band"])


class TestJax:
    @pytest.fixture(autouse=True)
    def on_cpu(self) -> None:
        self.jax = pytest.importorskip("jax", reason="jax is not installed: pip install jax")
        self.jax.config.update("jax_platforms", "cpu")

    @ways
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn", "bool", "int8", "complex64"])
    def test_arrays(self, way: Callable[[Any], Any], dtype: str) -> None:
        source = self.jax.numpy.ones((3, 4), dtype)
        arrived = way(source)
        assert type(arrived) is type(source)
        assert (arrived.dtype, arrived.weak_type) == (source.dtype, False)
        assert (arrived == source).all()
        assert len(buffers_of(source)) == 1

    def test_aligned_memory_is_shared(self) -> None:
        source = self.jax.numpy.arange(1 << 10)
        assert source.unsafe_buffer_pointer() % 64 == 0
        arrived = out_of_band(source)
        assert arrived.unsafe_buffer_pointer() == source.unsafe_buffer_pointer()

    @pytest.mark.parametrize("kind", ["weak", "key", "int4", "empty"])
    def test_what_jax_pickles_itself(self, kind: str) -> None:
        numpy = self.jax.numpy
        source = {
            "weak": lambda: numpy.asarray(1.0) * 2,
            "key": lambda: self.jax.random.key(3),
            "int4": lambda: numpy.ones(3, "int4"),
            "empty": lambda: numpy.zeros((0, 2)),
        }[kind]()
        arrived = out_of_band(source)
        assert (type(arrived), arrived.dtype, arrived.shape) == (type(source), source.dtype, source.shape)
        assert (arrived == source).all()


class TestArrow:
    @pytest.fixture(autouse=True)
    def arrow(self) -> None:
        self.arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")

    @ways
    @pytest.mark.parametrize("names", [None, ["row", "column"]])
    @pytest.mark.parametrize("layout", [lambda x: x, lambda x: x.T], ids=["rows", "columns"])
    def test_tensors(self, way: Callable[[Any], Any], names: Any, layout: Callable[[Any], Any]) -> None:
        source = self.arrow.Tensor.from_numpy(layout(np.arange(12.0).reshape(3, 4)), dim_names=names)
        arrived = way(source)
        assert arrived.equals(source)
        assert (arrived.dim_names, arrived.strides) == (source.dim_names, source.strides)

    def test_memory_is_shared(self) -> None:
        array = np.arange(12.0)
        arrived = out_of_band(self.arrow.Tensor.from_numpy(array))
        array[3] = 77
        assert arrived.to_numpy()[3] == 77

    def test_its_own_pickling_fails(self) -> None:
        """The reason why there is ours."""
        with pytest.raises(TypeError, match="pickl"):
            pickle.dumps(self.arrow.Tensor.from_numpy(np.ones(3)))

    def test_arrays_have_pickling_of_their_own(self) -> None:
        source = self.arrow.array([1, None, 3])
        assert len(buffers_of(source)) == 2
        assert out_of_band(source).equals(source)

    def test_other_names_are_refused(self) -> None:
        frame = bridge.processes.frame.Frame(bytes(8), 0, 1, 0)
        with pytest.raises(bridge.SharingError, match="expected what numpy_bridge has written"):
            bridge.processes.reducing.rebuilt(frame, "arrow", 0, "uint8", (8,), None, 5)
