"""benchmarks/cuda_kernels.py without a GPU: its arithmetic on made-up times, and its cases on the host."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loading import module_from
from numpy_bridge.info import describe_cuda
from repository import ROOT
from support import torch

pytest.importorskip("torch", reason="the benchmark measures beside torch")
pytest.importorskip("rich", reason="the benchmark prints tables with rich")

SCRIPT = ROOT / "benchmarks/cuda_kernels.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return module_from(SCRIPT)


def case(benchmark: ModuleType, **aims: float | None) -> Any:
    return benchmark.Case("copy_(x, y)", "copy_", torch.ones(4), torch.zeros(4), 4000, **aims)


ROUNDS = [(10.0, 12.0, 9.0), (20.0, 20.0, 18.0), (10.0, 11.0, 10.0)]


def test_a_row_is_medians_of_times_and_of_ratios(benchmark: ModuleType) -> None:
    row = benchmark.Row.of(case(benchmark, of_floor=0.95), ROUNDS)
    assert (row.ours, row.theirs, row.floor) == (10, 12, 10)
    assert row.of_floor == pytest.approx(0.9)
    assert row.times_torch == pytest.approx(1.1)
    assert row.quartiles[0] <= row.times_torch <= row.quartiles[1]
    assert row.missed == ["copy_(x, y): 90% of the floor, aim 95%"]


def test_what_misses_an_aim(benchmark: ModuleType) -> None:
    reached = benchmark.Row.of(case(benchmark, of_floor=0.9, times_torch=1.1), ROUNDS)
    assert reached.missed == []
    slow = benchmark.Row.of(case(benchmark, times_torch=1.2), ROUNDS)
    assert slow.missed == ["copy_(x, y): 1.10 times torch, aim 1.20"]
    assert benchmark.Row.of(case(benchmark, times_torch=None), ROUNDS).missed == []


def test_a_row_without_a_floor(benchmark: ModuleType) -> None:
    row = benchmark.Row.of(case(benchmark), [(ours, theirs, None) for ours, theirs, _ in ROUNDS])
    assert (row.floor, row.of_floor, row.missed) == (None, None, [])


def test_the_table_shows_every_row(benchmark: ModuleType) -> None:
    from rich.console import Console

    rows = [benchmark.Row.of(case(benchmark, of_floor=0.95), ROUNDS)]
    rows.append(benchmark.Row.of(case(benchmark), [(2.0, 3.0, None)] * 2))
    console = Console(file=io.StringIO(), width=200)
    console.print(benchmark.table(rows))
    text = console.file.getvalue()
    for shown in ("copy_(x, y)", "10.0", "12.0", "90%", "95%", "1.10", "1.50"):
        assert shown in text


def test_the_document(benchmark: ModuleType) -> None:
    rows = [benchmark.Row.of(case(benchmark, of_floor=0.95), ROUNDS)]
    found = benchmark.document(rows, describe_cuda(), "NVIDIA H200", 4000.0)
    assert json.loads(json.dumps(found))["rows"][0]["times_torch"] == pytest.approx(1.1)
    assert found["missed"] == rows[0].missed
    assert found["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("gpu", "name"),
    [("NVIDIA H200", "nvidia-h200"), ("NVIDIA A100-SXM4-80GB (MIG 1g)", "nvidia-a100-sxm4-80gb-mig-1g")],
)
def test_names_of_files(benchmark: ModuleType, gpu: str, name: str) -> None:
    assert benchmark.slug(gpu) == name


def test_both_calls_of_every_case_do_the_same(benchmark: ModuleType) -> None:
    """On the host, where they run too."""
    blocks = [torch.zeros(1 << 20, dtype=torch.uint8) for _ in range(2)]
    blocks[1].view(torch.float32).copy_(torch.arange(1 << 18) % 251)
    cases = benchmark.large_cases(*blocks)
    for each in cases:
        benchmark.require_same_results(each)
        touched = each.x.numel() * each.x.element_size()
        assert touched < each.moved_bytes <= 3 << 20
    assert len({each.what for each in cases}) == len(cases)


def test_a_case_whose_calls_differ_is_not_measured(benchmark: ModuleType) -> None:
    class Differs(benchmark.Case):  # type: ignore[misc]
        def ours(self) -> object:
            return self.x.fill_(5)

    with pytest.raises(AssertionError, match="our result is not torch's"):
        benchmark.require_same_results(Differs("x", "copy_", torch.ones(2), torch.zeros(2), 16))


def test_where_nothing_can_be_measured_it_says_why(tmp_path: Path, benchmark: ModuleType) -> None:
    if describe_cuda()["unavailable"] is None:
        pytest.skip("this machine has a GPU, which the benchmark would measure")
    command = [sys.executable, str(SCRIPT), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"nothing measured: CUDA is not usable: {describe_cuda()['unavailable']}\n"
    assert list(tmp_path.iterdir()) == []


def test_reasons(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    usable = {"unavailable": None}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert benchmark.why_not(usable, 5 << 30) == f"this torch ({torch.__version__}) has no CUDA device to use"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2 << 30, 8 << 30))
    assert benchmark.why_not(usable, 5 << 30) == "needs 5.0 GiB of device memory, 2.0 are free: give --mib"
    assert benchmark.why_not(usable, 1 << 30) is None
