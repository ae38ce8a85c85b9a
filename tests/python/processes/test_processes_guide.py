"""docs/messages.md and workers.md are executed, and their numbers are measured ones; docs/processes.md."""

from __future__ import annotations

import copyreg
import doctest
import importlib
import io
import json
import pickle
import re
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.processes.frame import LEAST_TO_MAP
from repository import ROOT

torch = pytest.importorskip("torch", reason="the guide sends tensors")

NAMES = ("processes", "messages", "workers", "ray", "dask", "transports")
PAGES = {name: (ROOT / f"docs/{name}.md").read_text() for name in NAMES}


def table(page: str, heading: str) -> list[list[str]]:
    (text,) = re.findall(rf"^\| {heading} \|.*\n\|[- |:]+\n((?:\|.*\n)+)", PAGES[page], re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()]


@pytest.fixture(autouse=True)
def reducers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(copyreg.dispatch_table)
    forking = dict(ForkingPickler._extra_reducers)  # type: ignore[attr-defined]
    monkeypatch.setattr(ForkingPickler, "_extra_reducers", forking)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("page", ["messages", "workers"])
def test_code_prints_what_is_shown(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        exec(compile(code, f"docs/{page}.md", "exec"), scope)
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", PAGES[page], re.DOTALL))


def measured() -> list[list[dict[str, float]]]:
    newest = max((ROOT / "benchmarks/results").glob("processes-*.json"))
    return list(json.loads(newest.read_text())["tables"].values())


def milliseconds(cost: float | None) -> str:
    return "fails" if cost is None else f"{cost:.2f} ms" if cost < 10 else f"{cost:.0f} ms"


def mebibytes(size: float | None) -> str:
    return "" if size is None else f"{size / 2**20:.0f} MiB"


def test_numbers_of_large_objects_are_the_measured_ones() -> None:
    large, *_ = measured()
    assert table("messages", "object \\| ours") == [
        [
            str(row["what"]),
            milliseconds(row["ours"]),
            mebibytes(row["our_bytes"]),
            milliseconds(row["theirs"]),
            mebibytes(row["their_bytes"]),
        ]
        for row in large
    ]
    for row in large[:2]:  # the aims
        assert row["ours"] <= 1
        assert row["our_bytes"] < 2**20


def test_numbers_of_small_tensors_are_the_measured_ones() -> None:
    _, small, *_ = measured()
    assert table("messages", "tensor \\| ours") == [
        [
            str(row["what"]),
            f"{row['ours'] * 1e3:.0f} µs",
            f"{row['theirs'] * 1e3:.0f} µs",
            f"{row['times_faster']:.1f}",
        ]
        for row in small
    ]
    assert min(row["times_faster"] for row in small) >= 3


def test_numbers_of_shared_memory_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("processes_shared-*.json"))
    queue, batches = json.loads(newest.read_text())["tables"].values()

    def cells(row: dict[str, Any], *beside: str) -> list[str]:
        ours, theirs = (milliseconds(row[side]) for side in ("ours", "theirs"))
        return [row["what"], ours, *beside, theirs, f"{row['times_faster']:,.1f}"]

    assert table("workers", "images") == [cells(row) for row in batches]
    assert table("workers", "through a queue") == [cells(row, row["beside"]) for row in queue]
    assert queue[0]["ours"] <= 5  # the aims
    assert min(row["times_faster"] for row in batches) >= 1.5


def test_numbers_of_dask_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("clusters-*.json"))
    rows = json.loads(newest.read_text())["tables"]["Dask, 256 MiB"]
    assert [[*row[:3], *row[4:]] for row in table("dask", "for all workers")] == [
        [
            row["what"],
            *(milliseconds(row["ours"]), mebibytes(row["our_bytes"])),
            *(milliseconds(row["theirs"]), mebibytes(row["their_bytes"])),
        ]
        for row in rows
    ]
    assert all(row["our_bytes"] < 2**20 for row in rows)  # the aim


@pytest.fixture
def cost_model(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("cost_model")


def test_costs_are_what_the_script_prints(cost_model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cost_model.main([])
    printed = capsys.readouterr().out.strip().split("\n\n")
    assert len(printed) == 2
    of_8_by_4 = [cost_model.MODEL[way].kept(8, 4) for way in (("Ray", False), ("Dask", False), ("Ray", True))]
    assert of_8_by_4 == [36, 32, 4]
    assert "36 GiB with Ray and 32 GiB with Dask today, and 4 GiB with ours" in PAGES["processes"]
    assert all(f"\n\n{table}\n" in PAGES["processes"] for table in printed)


def test_measured_costs_are_those_of_the_model(cost_model: Any) -> None:
    """Half of the object is for what other programs did to the machine's memory meanwhile."""
    points = json.loads(cost_model.newest().read_text())["points"]
    assert {(point["library"], point["ours"]) for point in points} == set(cost_model.MODEL)
    for point in points:
        costs = cost_model.MODEL[point["library"], point["ours"]]
        for each in cost_model.QUANTITIES:
            expected = getattr(costs, each)(point["readers"], point["nodes"])
            assert abs(point[each] / point["size"] - expected) < 0.5, (point, each)


def test_the_least_size_to_map_is_the_real_one() -> None:
    assert f"below {LEAST_TO_MAP >> 20} MiB" in PAGES["messages"]
    assert f"below {LEAST_TO_MAP >> 20} MiB" in PAGES["ray"]


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL))
    assert links
    for link in links:
        assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize("name", ["pickling", "reducing", "private", "blocks", "dataloader"])
def test_examples_of_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"numpy_bridge.processes.{name}")
    (tmp_path / "weights.bin").write_bytes(bytes(4096))
    monkeypatch.chdir(tmp_path)
    names = {"np": np, "torch": torch, "bridge": bridge, "pickle": pickle, "io": io, **vars(module)}
    found = [test for test in doctest.DocTestFinder().find(module, globs=names) if test.examples]
    assert found
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0
