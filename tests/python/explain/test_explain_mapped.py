"""Memory that is mapped from a file: which one, and what a write would do."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

EFFECTS = {
    "r": "read-only: the kernel refuses writes",
    "r+": "a write changes it for all processes",
    "c": "copy on write: a write stays in this process",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(8192))
    return path


@pytest.mark.parametrize("mode", EFFECTS)
def test_mapped_files(mode: Any, file: Path) -> None:
    """What is said about a write is what it does."""
    x = np.memmap(file, np.uint8, mode)
    explanation = bridge.explain(x)
    assert explanation.what.mapped == f"{file}, {EFFECTS[mode]}"
    assert f"mapped from    {file}, {EFFECTS[mode]}" in str(explanation)
    if mode != "r":
        x[0] = 7
        assert file.read_bytes()[0] == (7 if mode == "r+" else 0)


def test_a_file_that_was_deleted(file: Path) -> None:
    x = np.memmap(file, np.uint8, "r")
    file.unlink()
    assert bridge.explain(x).what.mapped.startswith(f"{file}, read-only")


def test_readonly_view_of_shared_memory(file: Path) -> None:
    view = bridge.view(np.memmap(file, np.uint8, "r+"), readonly=True)
    assert bridge.explain(view).what.mapped.endswith(
        "read-only here: a write in spite of that would change it for all processes"
    )


def test_shared_blocks() -> None:
    x = bridge.shared_empty(3, "float32")
    for each in (x, bridge.to_numpy(x)):
        assert bridge.explain(each).what.mapped == "a shared block, a write changes it for all processes"


def test_anonymous_memory_of_several_processes() -> None:
    x = mmap.mmap(-1, 4096)
    assert bridge.explain(x).what.mapped.endswith(", a write changes it for all processes")
    assert bridge.explain(x).what.mapped.startswith("shared memory ")


@pytest.mark.parametrize("make", [lambda: np.ones(3), lambda: np.ones(0), lambda: bytearray(9), lambda: 3])
def test_memory_of_this_process(make: Any) -> None:
    assert bridge.explain(make()).what.mapped == ""


def test_without_a_list_of_mappings(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    x = np.memmap(file, np.uint8, "r")

    def missing(path: Path) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", missing)
    assert bridge.explain(x).what.mapped == ""
