"""What the compiler says of argument types that cannot be, and headers under other people's macros."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pybind11

import numpy_bridge

CONTRADICTIONS = {
    "float, c_contiguous, f_contiguous": "one of c_contiguous, f_contiguous and any_contiguous, not several",
    "float, cpu, cuda": "one of cpu, cuda and any_device, not several",
    "const float, allow_copy, allow_cast": "one of allow_copy, allow_cast and array_like, not several",
    "float, ndim<1>, ndim<2>": "one of ndim, ndim_between, extents and trailing_extents, not several",
    "float, ndim<65>": "ndim<N> needs N from 0 to 64",
    "float, ndim_between<3, 2>": "needs 0 <= First <= Last <= 64",
    "float, extents<-2>": "extents<...> takes extents of 0 or more, or -1 for any",
    "float, aligned<3>": "aligned<Bytes> needs a power of two",
    "struct_without_dtype": "for structs and long double include <numpy_bridge/records.hpp>",
    "long double": "for structs and long double include <numpy_bridge/records.hpp>",
}
OF_TYPES = {
    "borrowed<float, allow_copy>": "need const elements: writes to a copy would be lost",
    "borrowed<const float, allow_cast, keep_dtype>": "keep_dtype goes with allow_copy",
    "borrowed<std::byte, f_contiguous>": "the bytes of an element are neighbours",
    "fresh<const float>": "fresh<T> is there to be written",
    "fresh<std::byte>": "fresh<std::byte> has no dtype: take fresh<std::uint8_t>",
    "fresh<float, extents<3>>": "fresh takes ndim<N>, and c_contiguous or f_contiguous",
}


def said_of(source: str, folder: Path) -> tuple[int, str]:
    """The compiler's exit status and its messages."""
    file = folder / "source.cpp"
    file.write_text(source)
    includes = [numpy_bridge.get_include(), pybind11.get_include(), sysconfig.get_path("include")]
    command = [
        os.environ.get("CXX", "c++"),
        "-std=c++17",
        "-fsyntax-only",
        *(f"-I{each}" for each in includes),
        file,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_contradictions_are_said_in_words(tmp_path: Path) -> None:
    lines = [
        "#include <numpy_bridge/arguments/by_hand.hpp>",
        "#include <numpy_bridge/fresh.hpp>",
        "using namespace numpy_bridge;",
        "struct struct_without_dtype {};",
    ]
    for number, wanted in enumerate(CONTRADICTIONS):
        lines.append(f"constexpr auto wanted{number} = detail::make_requirements<{wanted}>();")
    for number, argument in enumerate(OF_TYPES):
        lines.append(f"std::size_t size{number}() {{ return sizeof({argument}); }}")
    lines.append('borrowed<const float> kept = borrow<const float>(py::handle(), "x");')
    status, said = said_of("\n".join(lines), tmp_path)
    assert status != 0
    assert [text for text in (*CONTRADICTIONS.values(), *OF_TYPES.values()) if text not in said] == []
    assert "deleted" in said  # a borrow by hand that would be left without memory


def test_macros_named_min_and_max(tmp_path: Path) -> None:
    """As <windows.h> defines them. The standard library's own headers come before."""
    lines = [
        "#include <bits/stdc++.h>",
        "#include <pybind11/numpy.h>",
        "#include <pybind11/gil_safe_call_once.h>",
    ]
    lines += [f"#define {name}(a, b) no_macro_of_ours" for name in ("min", "max")]
    lines += [f"#include <numpy_bridge/{name}.hpp>" for name in ("pybind11", "records", "broadcast")]
    assert said_of("\n".join(lines), tmp_path) == (0, "")
