"""docs/audit.md is executed: its code, what it says cannot be seen, its list of calls and its numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging.calls import CALLS
from numpy_bridge.auditing.processes.parts import Parts
from numpy_bridge.auditing.program.copies import FUNCTIONS, METHODS
from numpy_bridge.auditing.program.rewriting import rewritten
from repository import ROOT

torch = pytest.importorskip("torch", reason="the guide is about torch")

GUIDE = (ROOT / "docs/audit.md").read_text()
KEPT = [np.array]


def table(heading: str) -> list[list[str]]:
    """The cells of the table with this first heading."""
    rows = GUIDE.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def blocks(section: str, language: str) -> list[str]:
    text = GUIDE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("section", ["A block", "No copies", "What is watched"])
def test_code_prints_what_is_shown(section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "guide.py"  # advice has the words of the source
    file.write_text(blocks(section, "python")[0])
    exec(compile(file.read_text(), str(file), "exec"), {})
    assert capsys.readouterr().out == blocks(section, "text")[0]


def untimed(text: str) -> list[str]:
    """The lines of a table without its times."""
    without = re.sub(r" *[\d.]+( [µm]?s\b|%)", "", text).replace(": little to gain", "")
    return [line.strip() for line in without.splitlines()]


def test_the_table_of_a_program_is_what_is_printed(tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="the command line needs typer")
    program = blocks("A block", "python")[0].replace("import numpy_bridge as bridge\n\n", "")
    program = program.partition("for conversion")[0].replace("with bridge.audit() as log:\n", "")
    (tmp_path / "points.py").write_text(program.replace("    ", ""))
    command = (sys.executable, "-m", "numpy_bridge", "audit", "points.py")
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    (shown,) = blocks("A whole program", "text")
    assert untimed(done.stdout) == untimed(shown)


def test_the_line_of_unwatched_processes_is_what_is_printed() -> None:
    pytest.importorskip("rich", reason="the command line needs rich")
    from numpy_bridge.auditing.terminal import not_watched

    (shown,) = blocks("All processes", "text")
    missing = ["process 4711, which was killed or still runs", "python -S tool.py"]
    assert shown == not_watched(Parts([], 0, missing)) + "\n"


@pytest.mark.parametrize(("code", "why"), table("code | why"))
def test_what_cannot_be_seen(code: str, why: str) -> None:
    assert why
    scope: dict[str, Any] = {"np": np, "torch": torch, "a": np.ones(2), "t": torch.ones(2)}
    scope |= {"kept_array": lambda x: KEPT[0](x), "import_tensor": bridge._core.to_numpy}
    scope["loader_with_workers"] = torch.utils.data.DataLoader([1, 2], num_workers=1)
    with bridge.audit() as log:
        eval(code.strip("`"), scope)
    assert list(log) == []


@pytest.mark.parametrize(("code", "why"), table("program | why"))
def test_what_cannot_be_seen_in_a_program(code: str, why: str) -> None:
    assert why
    changed = rewritten(code.strip("`"), "program.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, {"np": np, "torch": torch, "a": np.ones(2), "t": torch.ones(2)})
    assert [c for c in log if "np.ones" not in c.place.text] == []


@pytest.mark.parametrize(("code", "why"), table("code | why")[:5])
def test_a_program_sees_what_a_block_cannot(code: str, why: str) -> None:
    changed = rewritten(code.strip("`"), "program.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, {"np": np, "torch": torch, "a": np.ones(2), "t": torch.ones(2)})
    assert len(log.copies) == 1


def test_every_call_of_own_lines_is_listed() -> None:
    rows = {of: set(re.findall(r"`([\w.]+)`", calls)) for of, calls in table("of")}
    methods = {
        kind: {name for name, call in calls.items() if not (call.moves or name == "[]")}
        for (library, kind), calls in METHODS.items()
        if library != "cupy"
    }
    moving = {call.label for calls in METHODS.values() for call in calls.values() if call.moves}
    assert rows["transfers"] == moving
    assert (rows["arrays"], rows["tensors"]) == (methods["ndarray"], methods["Tensor"])
    assert (rows["`np`"], rows["`torch`"]) == (set(FUNCTIONS["numpy"]), set(FUNCTIONS["torch"]))
    assert rows["pandas"] == methods["DataFrame"] == methods["Series"] == methods["Index"]
    assert rows["others"] == {
        *(f"memoryview.{name}" for name in methods["memoryview"]),
        *(f"Image.{name}" for name in (*methods["Image"], *FUNCTIONS["PIL.Image"])),
        *(f"F.{name}" for name in FUNCTIONS["torch.nn.functional"]),
        *(f"rnn.{name}" for name in FUNCTIONS["torch.nn.utils.rnn"]),
    }


def test_every_watched_call_is_listed() -> None:
    listed = set(re.findall(r"`([\w.]+)`", " ".join(row[1] for row in table("library"))))
    assert listed == {call.label for call in CALLS} | {"torch.Tensor", "torch.FloatTensor"}


def test_a_copy_that_is_asked_for_passes() -> None:
    scope: dict[str, Any] = {"np": np, "bridge": bridge}
    expressions = [
        code for row in table("asked for, so not hidden") for code in re.findall(r"`(.*?)`", row[0])
    ]
    calls = [code for code in expressions if "(" in code and "..." not in code and "cuda" not in code]
    assert len(calls) == 8
    for code in calls:
        scope |= {"a": np.ones(2), "x": torch.ones(2), "y": torch.ones(1).double()}
        with bridge.no_copies():
            eval(code, scope)


def test_numbers_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("audit-*.json"))
    measured = json.loads(newest.read_text())
    rows = {row["what"]: row for row in measured["rows"]}
    listed = table("call | outside")
    assert {cells[0].strip("`") for cells in listed} == set(rows)
    for what, outside, inside, ratio in listed:
        row = rows[what.strip("`")]
        assert outside == f"{row['outside'] / 1e3:.2f} µs"
        assert inside == f"{row['inside'] / 1e3:.1f} µs"
        assert ratio == f"{row['ratio']:.1f}"
    assert f"takes {measured['block_milliseconds']:.1f} ms once torch" in GUIDE


def test_costs_of_programs_are_the_measured_ones() -> None:
    measured = json.loads(max((ROOT / "benchmarks/results").glob("audit_cost-*.json")).read_text())
    columns = "python | audit | times as long | conversions | memory"
    rows = {
        f"`{row['program']}`": [
            *(f"{row['plain_seconds']:.2f} s", f"{row['audit_seconds']:.2f} s", f"{row['ratio']:.2f}"),
            *(f"{row['conversions']:,}", f"{row['added_mib']:+.1f} MiB"),
        ]
        for row in measured["programs"]
    }
    assert {name: cells for name, *cells in table(f"program | {columns}")} == rows
    assert measured["versions"] in GUIDE


def test_costs_of_other_tools_are_the_measured_ones() -> None:
    measured = json.loads(max((ROOT / "benchmarks/results").glob("audit_tools-*.json")).read_text())
    rows = [
        [f"`{run['program']}`", run["tool"], f"{run['ratio']:.2f}", f"{run['mib']:+,.0f} MiB", run["finds"]]
        for run in measured["runs"]
        if run["tool"] != "python"
    ]
    assert table("program | tool | times as long | memory | what it says of copies") == rows
