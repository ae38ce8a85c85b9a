"""docs/explain.md is executed, and its pictures are what their command draws."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from numpy_bridge.memory.overlap import MEANING
from repository import ROOT
from support import needs_torch

DOCS = ROOT / "docs"

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not here")


@needs_torch
def test_examples_print_what_is_shown() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", (DOCS / "explain.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    example = doctest.DocTestParser().get_doctest("".join(blocks), {}, "explain.md", "explain.md", 0)
    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=told.append)
    assert "".join(told) == ""


def test_every_kind_and_outcome_is_explained() -> None:
    text = (DOCS / "explain.md").read_text()
    for kind in MEANING:
        assert re.search(rf"^\| .*\b{kind}\b.* \|", text, re.MULTILINE)
    for outcome in ("shares", "read-only", "copies", "refuses", "wrong", "unsafe", "untried"):
        assert f"| {outcome} |" in text


def test_pictures_are_what_their_command_draws(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DOCS / "pictures/draw.py"), str(tmp_path)], check=True)
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name: (DOCS / "pictures" / name).read_text() for name in drawn} == drawn
    assert len(drawn) == 3
