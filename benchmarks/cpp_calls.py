"""Calls of C++ functions with three arrays of shape (5, 2), in every form, beside other binding libraries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch

import numpy_bridge as bridge
from extensions import Build
from side_by_side import Callee, Row, compare_calls, compare_timers, timer_of

TARGETS = ("call_ours", "call_ours_nanobind", "call_nanobind", "call_array_t", "call_tvm_ffi")
FORMS = ("by_value", "by_rvalue", "by_pointer", "optional")

Others = dict[str, tuple[Callee, float | None]]


class Subclass(np.ndarray[Any, Any]):
    """An array that is not exactly NumPy's."""


def refused(function: Callee) -> Callee:
    """A call that has to fail."""

    def call(*arguments: object) -> None:
        with contextlib.suppress(TypeError):
            function(*arguments)

    return call


class Calls:
    """The rows, in groups."""

    def __init__(self, build: Build, libtorch: bool) -> None:
        names = ("ours", "ours_nanobind", "nanobind", "array_t")
        self.ours, self.bound_by_nanobind, self.nanobind, self.array_t = (
            import_module(f"call_{name}") for name in names
        )
        self.tvm = import_module("tvm_ffi").load_module(str(build.folder / "call_tvm_ffi.so"))
        self.libtorch = import_module("call_libtorch") if libtorch else None
        self.arrays = [np.ones((5, 2), np.float32) for _ in range(3)]
        self.tensors = [torch.ones(5, 2) for _ in range(3)]
        self.views = [bridge.view(array) for array in self.arrays]

    def rows(self) -> Iterator[Row]:
        yield from self.arrays_and_tensors()
        yield from self.other_objects()
        yield from self.forms()
        yield from self.refusals()
        yield from self.results()

    def beside_nanobind(
        self, what: str, x: Sequence[object], name: str = "arrays", theirs: str = "", aim: float = 1
    ) -> list[Row]:
        """The function of this name, bound by both."""
        other = getattr(self.nanobind, theirs or name)
        return compare_calls(what, x, getattr(self.ours, name), {"nanobind": (other, aim)})

    def beside_ndarrays(self, what: str, x: Sequence[object], function: Callee) -> list[Row]:
        """One function with these objects and with ndarrays."""
        timers = [timer_of(function, arguments) for arguments in (x, self.arrays)]
        return compare_timers(what, timers, [("ndarrays", 1 / 1.5)])

    def arrays_and_tensors(self) -> Iterator[Row]:
        """By const reference; bound by pybind11 and by nanobind."""
        theirs = self.nanobind.arrays
        tensors: Others = {"nanobind": (theirs, 24), "tvm-ffi": (self.tvm.arrays, 1.6)}
        casters: Others = {"py::array_t, a silent copy": (self.array_t.arrays, None)}
        if self.libtorch is not None:
            casters["libtorch's own caster"] = (self.libtorch.arrays, None)
        yield from compare_calls("tensors", self.tensors, self.ours.arrays, tensors | casters)
        yield from compare_calls("tensors, unchecked", self.tensors, self.ours.unchecked, tensors)
        arrays: Others = {
            "nanobind": (theirs, 3.5),
            "tvm-ffi": (self.tvm.arrays, 3),
            "py::array_t": (self.array_t.arrays, 3.5),
        }
        yield from compare_calls("ndarrays", self.arrays, self.ours.arrays, arrays)
        bound = self.bound_by_nanobind.arrays
        for what, x, aim in (("tensors", self.tensors, 12), ("ndarrays", self.arrays, 2)):
            yield from compare_calls(f"{what}, bound by nanobind", x, bound, {"nanobind": (theirs, aim)})

    def other_objects(self) -> Iterator[Row]:
        """Views, subclasses, buffers, another library."""
        jax_ones = import_module("jax.numpy").ones
        yield from self.beside_nanobind("Views", self.views)
        yield from self.beside_ndarrays("Views", self.views, self.ours.arrays)
        readonly = [bridge.view(array, readonly=True) for array in self.arrays]
        yield from self.beside_nanobind("read-only Views", readonly, "inputs")
        yield from self.beside_ndarrays("read-only Views", readonly, self.ours.inputs)
        yield from self.beside_nanobind("ndarray subclasses", [x.view(Subclass) for x in self.arrays])
        yield from self.beside_nanobind("memoryviews", [memoryview(x.data) for x in self.arrays])
        yield from self.beside_nanobind("jax arrays", [jax_ones((5, 2)) for _ in range(3)], "inputs")
        yield from self.beside_nanobind("bytes", [b"0123456789"] * 3, "bytes")
        yield from self.beside_nanobind("bytearrays", [bytearray(10) for _ in range(3)], "bytes")
        calls: Others = {"nanobind": (self.nanobind.objects, None)}
        yield from compare_calls("any objects: calls alone", self.arrays, self.ours.objects, calls)

    def forms(self) -> Iterator[Row]:
        """Other forms than const references; arrays that are kept; the GIL released."""
        by_reference: Others = {"by const reference": (self.ours.arrays, 0.9)}
        kinds: Mapping[str, Sequence[object]] = {"ndarrays": self.arrays, "tensors": self.tensors}
        for form in FORMS:
            for kind, x in kinds.items():
                what = f"{kind}, {form.replace('_', ' ')}"
                yield from compare_calls(what, x, getattr(self.ours, form), by_reference)
        yield from self.beside_nanobind("an ndarray in place 4", [*self.arrays, self.arrays[0]], "last")
        yield from self.beside_nanobind("ndarrays, shared<>", self.arrays, "shares", "arrays")
        for kind, x in kinds.items():
            yield from self.beside_nanobind(f"{kind}, GIL released", x, "released")

    def refusals(self) -> Iterator[Row]:
        """Calls that raise, and those that a later overload accepts."""
        first, second, _ = self.arrays
        for what, x in (("ndim", first[0]), ("a number", 3), ("a tensor's ndim", self.tensors[0][0])):
            ours, theirs = (refused(module.arrays) for module in (self.ours, self.nanobind))
            arguments = [x, first, second]
            yield from compare_calls(f"refused: {what}", arguments, ours, {"nanobind": (theirs, 1 / 1.5)})
        for i, dtype in enumerate(("i4", "i8", "f8", "f4"), 1):
            yield from self.beside_nanobind(f"overload {i} of 4", [first.astype(dtype)], "overloaded")

    def results(self) -> Iterator[Row]:
        """New arrays, filled."""
        for what, name in (("a new (5, 2)", "small"), ("new 64 MB", "large")):
            others: Others = {"py::array_t": (getattr(self.array_t, name), 1 / 1.1)}
            yield from compare_calls(f"returns {what}", [], getattr(self.ours, name), others)
