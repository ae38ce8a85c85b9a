"""docs/numpy-op.md is executed, its numbers are measured, and its example runs and draws its picture."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.numpy_ops import declaration
from repository import ROOT

torch = pytest.importorskip("torch", reason="the guide calls operations on tensors")
GUIDE = (ROOT / "docs/numpy-op.md").read_text()


def test_code_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("scipy", reason="the guide uses scipy.special")
    scope: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(compile(code, "docs/numpy-op.md", "exec"), scope)
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL))


def test_examples_of_docstrings() -> None:
    names = {"np": np, "torch": torch, "bridge": bridge, **vars(declaration)}
    found = [test for test in doctest.DocTestFinder().find(declaration, globs=names) if test.examples]
    assert len(found) == 2
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_numbers_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("numpy_op-*.json"))
    (text,) = re.findall(r"^\| sin\(x\) in NumPy \|.*\n\|[- |:]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    rows = json.loads(newest.read_text())["rows"]
    shown = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()]
    assert shown == [
        [
            row["what"],
            row["theirs"],
            f"{row['our_cost'] / 1e3:.1f} µs",
            f"{row['their_cost'] / 1e3:.1f} µs",
            f"{1 / row['ratio']:.2f}",
        ]
        for row in rows
    ]


def numbers_of(svg: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", svg)]


def test_the_example_finds_the_rates_and_draws_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="the example trains through SciPy")
    drawn = tmp_path / "fit.svg"
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/trained_through_scipy/train.py"), "--picture", str(drawn)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rates = re.findall(r"found (\d\.\d+), true (\d\.\d+)", done.stdout)
    assert len(rates) == 4
    assert all(abs(float(found) - float(true)) < 0.1 for found, true in rates)
    # Other versions of SciPy may differ in the last digit of a coordinate.
    committed, found = (numbers_of(path.read_text()) for path in (ROOT / "docs/pictures/numpy-op.svg", drawn))
    assert len(committed) == len(found)
    assert max(abs(a - b) for a, b in zip(committed, found, strict=True)) <= 1


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)):
        assert (ROOT / "docs" / link).exists()
