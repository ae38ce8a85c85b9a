"""examples/dataloader_shared runs, with every way to start workers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from repository import ROOT

pytest.importorskip("torch", reason="the example trains with torch")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_example(method: str) -> None:
    options = ("--workers", "2", "--images", "512", "--epochs", "3", "--method", method)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "examples/dataloader_shared/train.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("every batch kept its values, and nothing is left in /dev/shm\n")
