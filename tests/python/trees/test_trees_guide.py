"""docs/trees.md is executed, and its numbers are the measured ones."""

from __future__ import annotations

import json
import re

import pytest

from repository import ROOT
from support import needs_ml_dtypes, needs_torch

pytest.importorskip("optree", reason="takes trees apart")

GUIDE = (ROOT / "docs/trees.md").read_text()


@needs_torch
@needs_ml_dtypes
def test_code_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```\n+(?:```text\n(.*?)```)?", GUIDE, re.DOTALL)
    assert len(blocks) == 7
    scope: dict[str, object] = {}
    for code, printed in blocks:
        exec(compile(code, "docs/trees.md", "exec"), scope)
        assert capsys.readouterr().out == printed


def test_numbers_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("trees-*.json"))
    shown = re.findall(r"^\| (.*) \| (.*) µs, (.*) \| (.*) µs \| (.*) \|$", GUIDE, re.MULTILINE)
    measured = [
        (row["what"], f"{row['their_cost'] / 1e3:.1f}", row["theirs"], f"{row['our_cost'] / 1e3:.1f}")
        for row in json.loads(newest.read_text())["rows"]
    ]
    assert [row[:4] for row in shown] == measured
    for row, found in zip(json.loads(newest.read_text())["rows"], shown, strict=True):
        assert found[4] == f"{1 / row['ratio']:.2f}"


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)):
        assert "://" in link or (ROOT / "docs" / link).exists()
