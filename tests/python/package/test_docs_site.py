"""The reference of docs/ is complete: every public name of Python, every public header of C++."""

from __future__ import annotations

import re

import pytest

import numpy_bridge
from repository import ROOT

PYTHON = (ROOT / "docs/reference.md").read_text()
CPP = (ROOT / "docs/cpp-reference.md").read_text()
HEADERS = ROOT / "csrc/include/numpy_bridge"
INTERNAL = {"pybind11.hpp", "version.hpp", "protocols/keywords.hpp"}
INTERNAL |= {"python.hpp", "python_names.hpp", "cpython.hpp"}
"""What includes the others, macros, and helpers of the headers that are documented."""


@pytest.mark.parametrize("name", numpy_bridge.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    directive = r"auto(function|class|exception|module):: numpy_bridge\.{0}$|`numpy_bridge\.{0}`"
    assert re.search(directive.format(name), PYTHON, re.MULTILINE)
    assert name.startswith("__") or getattr(numpy_bridge, name).__doc__


def test_every_public_header_is_in_the_reference() -> None:
    doxyfile = (ROOT / "docs/Doxyfile").read_text()
    patterns = re.findall(r"\*/((?:arguments|libraries)/[\w*.]+)", doxyfile)
    documented = re.findall(r"^### ([\w/]+\.hpp)$", CPP, re.MULTILINE)
    assert len(documented) == len(set(documented))
    public = {
        path.relative_to(HEADERS).as_posix()
        for path in HEADERS.rglob("*.hpp")
        if not any(path.relative_to(HEADERS).match(pattern) for pattern in patterns)
    }
    assert public - INTERNAL == set(documented)


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "docs/index.md").read_text()
    listed = [
        name
        for block in re.findall(r"```\{toctree\}\n(.*?)```", contents, re.DOTALL)
        for name in block.split()
    ]
    pages = {p.relative_to(ROOT / "docs").with_suffix("").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    assert pages - {"index"} <= set(listed)
