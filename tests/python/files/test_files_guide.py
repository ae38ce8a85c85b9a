"""docs/files.md and the docstrings are executed, and the numbers are the measured ones."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import numpy as np
import pytest

import numpy_bridge as bridge
import numpy_bridge.files
from numpy_bridge.files.safetensors import LARGEST_HEADER
from repository import ROOT
from written import entry, file_of

GUIDE = (ROOT / "docs/files.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
FUNCTIONS = [name for name in bridge.__all__ if name.startswith("open_")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore")  # of other libraries
@pytest.mark.parametrize(
    "sections", ["Weights, Modes", "npy", "Arrow", "HDF5", "zarr", "When a file changes, Damaged files"]
)
def test_code_prints_what_is_shown(sections: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(SECTIONS[section] for section in sections.split(", "))
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for names in re.findall(r"^(?:import|from) ([\w, ]+)", "".join(blocks), re.MULTILINE):
        for name in names.partition(" import")[0].split(", "):
            pytest.importorskip(name.split(" ")[0], reason="not installed: nox -s faults")
    scope: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, "docs/files.md", "exec"), scope)
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_of_docstrings(name: str) -> None:
    scope: dict[str, object] = {"np": np, "bridge": bridge}
    for short, library in {"torch": "torch", "pa": "pyarrow", "h5py": "h5py", "zarr": "zarr"}.items():
        text = getattr(bridge, name).__doc__
        if f"{short}." in text.partition("Examples")[2] or (short == "torch" and "to_torch" in text):
            scope[short] = pytest.importorskip(library, reason="not installed: nox -s faults")
    header = {"bias": entry(0, 6, [3], "BF16"), "__metadata__": {"format": "pt"}}
    text = json.dumps(header)
    Path("model.safetensors").write_bytes(file_of(text + " " * (len(text) % 2), bytes(6)))
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(bridge, name), globs=scope)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_every_function_is_in_the_table_and_shown() -> None:
    for name in FUNCTIONS:
        assert f"| `{name}(path, mode)` |" in GUIDE
        assert f"bridge.{name}(" in GUIDE


def test_the_bound_of_headers_is_the_real_one() -> None:
    assert f"at most {LARGEST_HEADER // 10**6} MB" in GUIDE


def test_numbers_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("files-*.json"))
    (rows,) = json.loads(newest.read_text())["tables"].values()
    (text,) = re.findall(r"^\| opened with \|.*\n\|[- |:]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()] == [
        [
            f"`{row['what'].partition(',')[0]}`",
            f"`{row['beside']}`",
            *(f"{row[side]:.1f} ms" for side in ("ours", "theirs")),
            *(f"{row[side] / 2**20:.0f} MiB" for side in ("our_bytes", "their_bytes")),
        ]
        for row in rows
    ]
    for row in rows:  # the aims
        assert row["ours"] <= 2
        assert row["our_bytes"] < 2**20


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / link).exists()
    for anchor in re.findall(r"\]\(#([^)]+)\)", GUIDE):
        assert anchor in {title.lower().replace(" ", "-") for title in SECTIONS}
