"""Files that are replaced, resized or written after they were opened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from written import entry, file_of

CONTENT = file_of({"x": entry(0, 8, [2])}, bytes(8))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    path.write_bytes(CONTENT)
    os.utime(path, ns=(0, 0))  # so that a write within a tick of the clock is seen
    return path


def replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(CONTENT)
    new.rename(path)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "replaced": (replace, "got another one"),
    "removed": (Path.unlink, "got No such file"),
    "truncated": (lambda path: os.truncate(path, 10), "got 10 bytes instead of"),
    "extended": (lambda path: os.truncate(path, 10_000), "got 10,000 bytes instead of"),
    "written": (lambda path: path.write_bytes(CONTENT), "got one that was written since"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_verify(path: Path, what: str, mode: Any) -> None:
    change, message = CHANGES[what]
    checked = bridge.open_safetensors(path, mode, verify=True)
    trusting = bridge.open_safetensors(path, mode)
    view = checked["x"]
    checked.verify()
    change(path)
    if what == "written" and mode == "r+":  # writes are what the mode is for
        trusting.verify()
        return
    for verify in (checked.verify, trusting.verify, view.owner.verify, lambda: checked["x"]):
        with pytest.raises(bridge.SharingError, match=message) as caught:
            verify()
        assert (caught.value.protocol, caught.value.field) == ("safetensors", "identity")
    assert trusting["x"].shape == (2,)


def test_own_writes_are_no_change(path: Path) -> None:
    opened = bridge.open_safetensors(path, "r+", verify=True)
    bridge.to_numpy(opened["x"])[0] = 7
    assert bridge.to_numpy(opened["x"])[0] == 7


def test_relative_paths_are_those_of_the_time_of_opening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    opened = bridge.open_safetensors(path.name, verify=True)
    monkeypatch.chdir("/")
    assert opened["x"].shape == (2,)


def test_a_file_that_changes_while_it_is_opened_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from numpy_bridge.files import safetensors

    read_header = safetensors._header

    def truncated_meanwhile(*args: Any) -> Any:
        os.truncate(path, 10)
        return read_header(*args)

    monkeypatch.setattr(safetensors, "_header", truncated_meanwhile)
    with pytest.raises(bridge.SharingError):
        bridge.open_safetensors(path)


def test_reading_beyond_the_end_of_a_truncated_file_ends_the_process(tmp_path: Path) -> None:
    """What docs/files.md says of the kernel."""
    np.save(tmp_path / "a.npy", np.zeros(10_000))
    code = (
        "import os, numpy_bridge as bridge; array = bridge.to_numpy(bridge.open_npy('a.npy')); "
        "os.truncate('a.npy', 100); print('before', flush=True); array[-1]; print('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert done.stdout == b"before\n"
    assert b"Traceback" not in done.stderr
