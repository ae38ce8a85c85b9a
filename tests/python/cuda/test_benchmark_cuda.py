"""benchmarks/cuda_kernels.py without a GPU: its arithmetic on made-up times, and its cases on the host."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
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
def kernels() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))  # as for a script that is run
        yield module_from(SCRIPT)


def case(kernels: ModuleType, **aims: float | None) -> Any:
    return kernels.Case("copy_(x, y)", "copy_", torch.ones(4), torch.zeros(4), 4000, **aims)


ROUNDS = [(10.0, 12.0, 9.0), (20.0, 20.0, 18.0), (10.0, 11.0, 10.0)]


def test_a_row_is_medians_of_times_and_of_ratios(kernels: ModuleType) -> None:
    row = kernels.Row.of(case(kernels, of_floor=0.95), ROUNDS)
    assert (row.ours, row.theirs, row.floor) == (10, 12, 10)
    assert row.of_floor == pytest.approx(0.9)
    assert row.times_torch == pytest.approx(1.1)
    assert row.quartiles[0] <= row.times_torch <= row.quartiles[1]
    assert row.missed == ["copy_(x, y): 90% of the floor, aim 95%"]


def test_what_misses_an_aim(kernels: ModuleType) -> None:
    reached = kernels.Row.of(case(kernels, of_floor=0.9, times_torch=1.1), ROUNDS)
    assert reached.missed == []
    slow = kernels.Row.of(case(kernels, times_torch=1.2), ROUNDS)
    assert slow.missed == ["copy_(x, y): 1.10 times torch, aim 1.20"]
    assert kernels.Row.of(case(kernels, times_torch=None), ROUNDS).missed == []


def test_a_row_without_a_floor(kernels: ModuleType) -> None:
    row = kernels.Row.of(case(kernels), [(ours, theirs, None) for ours, theirs, _ in ROUNDS])
    assert (row.floor, row.of_floor, row.missed) == (None, None, [])


def test_the_table_shows_every_row(kernels: ModuleType) -> None:
    from rich.console import Console

    rows = [kernels.Row.of(case(kernels, of_floor=0.95), ROUNDS)]
    rows.append(kernels.Row.of(case(kernels), [(2.0, 3.0, None)] * 2))
    console = Console(file=io.StringIO(), width=200)
    console.print(kernels.table(rows))
    text = console.file.getvalue()
    for shown in ("copy_(x, y)", "10.0", "12.0", "90%", "95%", "1.10", "1.50"):
        assert shown in text


def test_the_document(kernels: ModuleType) -> None:
    rows = [kernels.Row.of(case(kernels, of_floor=0.95), ROUNDS)]
    found = kernels.document(rows, describe_cuda(), "NVIDIA H200", 4000.0)
    assert json.loads(json.dumps(found))["rows"][0]["times_torch"] == pytest.approx(1.1)
    assert found["missed"] == rows[0].missed
    assert found["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("gpu", "name"),
    [("NVIDIA H200", "nvidia-h200"), ("NVIDIA A100-SXM4-80GB (MIG 1g)", "nvidia-a100-sxm4-80gb-mig-1g")],
)
def test_names_of_files(kernels: ModuleType, gpu: str, name: str) -> None:
    assert kernels.slug(gpu) == name


def test_both_calls_of_every_case_do_the_same(kernels: ModuleType) -> None:
    """On the host, where they run too."""
    blocks = [torch.zeros(1 << 20, dtype=torch.uint8) for _ in range(2)]
    blocks[1].view(torch.float32).copy_(torch.arange(1 << 18) % 251)
    cases = kernels.large_cases(*blocks)
    for each in cases:
        kernels.require_same_results(each)
        touched = each.x.numel() * each.x.element_size()
        assert touched < each.moved_bytes <= 5 << 20
    assert len({each.what for each in cases}) == len(cases)


def test_noise_misses_no_aim(kernels: ModuleType) -> None:
    """Both sides queue the same copy."""
    alike = kernels.Row.of(case(kernels), [(10.0, 9.8, None)] * 2)
    assert alike.missed == []
    assert kernels.Row.of(case(kernels), [(10.0, 9.6, None)] * 2).missed != []


def test_every_conversion_and_size_of_the_aims_is_measured(kernels: ModuleType) -> None:
    blocks = [torch.zeros(32 << 20, dtype=torch.uint8) for _ in range(2)]
    names = {each.what for each in kernels.large_cases(*blocks)}
    names |= {each.what for each, *_ in kernels.middle_cases(*blocks)}
    for what in (
        *("copy_(bfloat16, float32)", "copy_(float32, bfloat16)", "copy_(float16, float32)"),
        *("copy_(float32, int64)", "copy_(float32, uint8)", "add_(x, y), uint8", "add_(x[1:], x[:-1])"),
        *(f"copy_(x, y.T), {size}" for size in ("1 byte", "2 bytes", "4 bytes", "8 bytes")),
        *(f"add_(x, y), {size} MiB" for size in (1, 4, 16)),
    ):
        assert what in names


def test_other_arrays_are_compared_with_what_their_users_write(kernels: ModuleType) -> None:
    calls: list[str] = []
    other = kernels.Case("x", "add_", object(), 1, 2048, other=lambda: calls.append("theirs"))
    kernels.require_same_results(other)
    assert calls == []
    other.theirs()
    assert calls == ["theirs"]


def test_the_card_and_its_clocks(kernels: ModuleType, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    values = ["NVIDIA H200", "GPU-1", "580.1", "1980 MHz", "3201 MHz", "1980 MHz", "3201 MHz", "700.00 W"]
    program.write_text(f"#!/bin/sh\necho '{', '.join(values)}'\n")
    program.chmod(0o755)
    found = kernels.card(str(program))
    assert list(found.values()) == values
    assert found["driver_version"] == "580.1"
    program.write_text("#!/bin/sh\necho 'no devices were found'\n")
    assert kernels.card(str(program)) == {}
    assert kernels.card(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(("theirs", "status"), [(11.0, 0), (5.0, 1)])
def test_a_missed_aim_is_the_exit_status(
    kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, theirs: float, status: int
) -> None:
    row = kernels.Row.of(case(kernels, of_floor=0.5), [(10.0, theirs, 9.0)] * 2)
    monkeypatch.setattr(kernels, "measure", lambda *_: [row])
    monkeypatch.setattr(kernels, "why_not", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(sys, "argv", ["cuda_kernels.py", "--mib", "0", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        kernels.main()
    assert end.value.code == status
    (written,) = tmp_path.glob("nvidia-h200-*.json")
    assert bool(json.loads(written.read_text())["missed"]) == (status == 1)


def test_a_case_whose_calls_differ_is_not_measured(kernels: ModuleType) -> None:
    class Differs(kernels.Case):  # type: ignore[misc]
        def ours(self) -> object:
            return self.x.fill_(5)

    with pytest.raises(AssertionError, match="our result is not torch's"):
        kernels.require_same_results(Differs("x", "copy_", torch.ones(2), torch.zeros(2), 16))


def test_where_nothing_can_be_measured_it_says_why(tmp_path: Path, kernels: ModuleType) -> None:
    if describe_cuda()["unavailable"] is None:
        pytest.skip("this machine has a GPU, which the benchmark would measure")
    command = [sys.executable, str(SCRIPT), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"nothing measured: CUDA is not usable: {describe_cuda()['unavailable']}\n"
    assert list(tmp_path.iterdir()) == []


def test_reasons(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    usable = {"unavailable": None}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert kernels.why_not(usable, 5 << 30) == f"this torch ({torch.__version__}) has no CUDA device to use"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2 << 30, 8 << 30))
    assert kernels.why_not(usable, 5 << 30) == "needs 5.0 GiB of device memory, 2.0 are free: give --mib"
    assert kernels.why_not(usable, 1 << 30) is None
