"""docs/targets.md is executed where its libraries are installed, and its tables are true."""

from __future__ import annotations

import importlib
import json
import re

import numpy as np
import pytest

from numpy_bridge.targets.table import TARGETS
from repository import ROOT

pytest.importorskip("torch", reason="the guide shares with torch")

GUIDE = (ROOT / "docs/targets.md").read_text()
SECTIONS = dict(re.findall(r"^##? (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
NEEDED: dict[str, tuple[str, ...]] = {
    "Every library": (),
    "Memory that every library shares": (),
    "jax": ("jax",),
    "TensorFlow": ("tensorflow",),
    "Arrow, polars, pandas": ("pyarrow", "polars", "pandas"),
}


def table(heading: str) -> list[list[str]]:
    (text,) = re.findall(rf"^\| {heading} \|.*\n\|[- |:]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in text.splitlines()]


def test_every_section_with_code_is_run() -> None:
    assert {title for title, text in SECTIONS.items() if "```python" in text} == set(NEEDED)


@pytest.mark.parametrize("section", NEEDED)
def test_code_prints_what_is_shown(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NEEDED[section]:
        pytest.importorskip(name, reason=f"{name} is not installed: nox -s faults, nox -s tensorflow")
    first = re.findall(r"```python\n(.*?)```", SECTIONS["Every library"], re.DOTALL)[0]
    scope: dict[str, object] = {}
    exec("\n".join(first.splitlines()[:2]), scope)
    for code in re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL):
        exec(compile(code, "docs/targets.md", "exec"), scope)
    printed = "".join(re.findall(r"```text\n(.*?)```", SECTIONS[section], re.DOTALL))
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("row", table("library"), ids=lambda row: row[0].strip("`"))
def test_what_each_library_shares(row: list[str]) -> None:
    path, _, order, alignment, immutable, dtypes = (cell.strip("`") for cell in row)
    name, _, attribute = path.partition(".")
    module = pytest.importorskip("mlx.core" if name == "mlx" else name, reason=f"{name} is not installed")
    kind = getattr(module, attribute) if attribute else None
    target = importlib.import_module(f"numpy_bridge.targets.{name}").target(kind)
    expected = "" if target.alignment == 1 else f"{target.alignment} bytes"
    if name in ("numpy", "torch", "scipy"):
        assert alignment == expected
        return
    assert alignment == ("itemsize" if target.aligned_to_itemsize else expected)
    assert (order, immutable) == (target.order, "yes" if target.immutable else "")
    groups = {"bool": "bool", "complex": "complex64", "bfloat16": "bfloat16", "float8": "float8_e5m2"}
    for word, dtype in groups.items():
        assert (word in dtypes) == (dtype in target.dtypes)
    assert ("complex128" in target.dtypes) == ("complex64" not in dtypes and "complex" in dtypes)
    assert ("float64" in target.dtypes) == ("without float64" not in dtypes)


def test_every_target_has_a_row() -> None:
    assert {row[0].strip("`").partition(".")[0] for row in table("library")} == set(TARGETS)


def test_numbers_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("targets-*.json"))
    rows = json.loads(newest.read_text())["rows"]

    def microseconds(row: dict[str, float], side: str) -> str:
        return f"{row[side] / 1e3:.1f} µs"

    shown = [
        [
            f"`{own['what'].removeprefix('bridge.to(x, ').removesuffix(')')}`",
            microseconds(own, "our_cost"),
            microseconds(unchecked, "their_cost"),
            microseconds(own, "their_cost"),
            f"`{own['theirs']}`",
        ]
        for own, unchecked in zip(rows[::2], rows[1::2], strict=True)
    ]
    assert table("`x` goes to") == shown


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)):
        assert (ROOT / "docs" / link).exists()


def test_numpy_alone_aligns_to_less() -> None:
    """Why `empty` exists."""
    assert any(np.empty(100 + n, np.uint8).ctypes.data % 64 for n in range(64))
