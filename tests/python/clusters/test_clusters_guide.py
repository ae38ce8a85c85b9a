"""docs/ray.md, dask.md, transports.md and examples/ray_training are executed, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from repository import ROOT

pytest.importorskip("torch", reason="the session clusters installs torch")

PAGES = {name: ROOT / f"docs/{name}.md" for name in ("ray", "dask", "transports")}
pytestmark = pytest.mark.skipif(not PAGES["ray"].exists(), reason="the documentation is not here")
TEXTS = {name: page.read_text() for name, page in PAGES.items() if page.exists()}
TRANSPORTS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXTS.get("transports", ""), re.DOTALL | re.MULTILINE)
)


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def assert_prints_what_is_shown(text: str, **environment: str) -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    shown = "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))
    assert run("-c", code, **environment) == shown


@pytest.fixture
def quiet_ray(ray_cluster: Any) -> dict[str, str]:
    """The environment in which `ray.init()` finds the cluster of the tests."""
    address = ray_cluster.get_runtime_context().gcs_address
    return {"RAY_ADDRESS": address, "RAY_LOG_TO_DRIVER": "0"}


def test_ray(quiet_ray: dict[str, str]) -> None:
    assert_prints_what_is_shown(TEXTS["ray"], **quiet_ray)


def test_example_of_training(quiet_ray: dict[str, str]) -> None:
    printed = run(str(ROOT / "examples/ray_training/train.py"), "--steps", "10", **quiet_ray)
    loss, memory, stored = printed.splitlines()
    first, last = map(float, re.findall(r"\d+\.\d+", loss))
    assert last < first
    size, *of_workers = map(float, re.findall(r"(\d+\.\d+) MiB", memory))
    assert len(of_workers) == 2
    assert max(of_workers) < size / 4
    assert stored == "stored data unchanged"


def test_dask(dask_client: Any) -> None:
    assert_prints_what_is_shown(TEXTS["dask"], DASK_SCHEDULER_ADDRESS=dask_client.scheduler.address)


@pytest.mark.parametrize(
    ("section", "library"),
    [
        ("mpi4py", "mpi4py"),
        ("ZeroMQ", "zmq"),
        ("msgspec", "msgspec"),
        ("Arrow IPC", "pyarrow"),
        ("Arrow Flight", "pyarrow.flight"),
    ],
)
def test_other_transports(section: str, library: str) -> None:
    pytest.importorskip(library, reason="the session clusters installs it")
    assert_prints_what_is_shown(TRANSPORTS[section])


def test_every_transport_is_in_the_table() -> None:
    for name in TRANSPORTS:
        assert re.search(rf"^\| {name} \|", TEXTS["transports"], re.MULTILINE)
    assert len(TRANSPORTS) == 5
