"""Programs that say at the end of each line what an audit must report for it: compared line by line.

They are the examples, and pipelines whose numbers were found by another program, which compares addresses.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the examples train with torch")
pytest.importorskip("rich", reason="the command line needs rich")

from numpy_bridge.auditing.document import document
from numpy_bridge.auditing.run import run
from repository import ROOT

PROGRAMS = [*(ROOT / "examples/audit").glob("*.py"), *(Path(__file__).parent / "pipelines").glob("*.py")]


def stated(script: Path, scope: dict[str, Any]) -> dict[int, set[str]]:
    """What the comments say, by line; numbers in braces are worked out from what the program printed."""
    found = {}
    for number, line in enumerate(script.read_text().splitlines(), start=1):
        text = line.partition("# audit: ")[2]
        if text:
            filled = re.sub(r"{(.*?)}", lambda match: str(eval(match[1], scope)), text)
            found[number] = set(filled.split("; "))
    return found


def reported(lines: list[dict[str, Any]]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for line in lines:
        for outcome in ("copied", "shared", "unknown"):
            those = [c for c in line["conversions"] if c["outcome"] == outcome]
            if those:
                times, nbytes = (sum(c[key] for c in those) for key in ("times", "nbytes"))
                found.setdefault(line["line"], set()).add(f"{times} x {outcome}, {nbytes} bytes")
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("script", sorted(PROGRAMS), ids=lambda path: path.stem)
def test_each_line_is_reported_as_it_says(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    done = run([str(script)])
    assert (done.status, capsys.readouterr().out) == (0, printed)
    lines = document(done, [])["lines"]
    assert {line["file"] for line in lines} == {str(script)}
    greedy = re.search(r"(\d+) greedy", printed)
    assert reported(lines) == stated(script, {"greedy": int(greedy[1]) if greedy else 0})
