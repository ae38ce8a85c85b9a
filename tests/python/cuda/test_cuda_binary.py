"""tests/cuda_binary.py, which CI runs on the compiled kernels, finds what it looks for."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from loading import module_from
from repository import ROOT

SCRIPT = ROOT / "tests/cuda_binary.py"


@pytest.fixture(scope="module")
def binary() -> ModuleType:
    return module_from(SCRIPT)


SASS = """
Fatbin elf code:
================
arch = sm_75
host = linux
        Function : void k::(anonymous namespace)::add_rows_kernel<float>(k::row_addition)
        .headerflags    @"EF_CUDA_SM75"
        /*0050*/              LDG.E.128.SYS R4, [R2] ;   /* 0x0000 */
        /*0060*/              LDG.E.128.SYS R8, [R12] ;
        /*0070*/              FADD R4, R4, R8 ;
        /*0080*/              STG.E.128.SYS [R2], R4 ;
        /*0090*/              NOP ;

Fatbin elf code:
================
arch = sm_90
        Function : void k::(anonymous namespace)::add_rows_kernel<float>(k::row_addition)
        /*0050*/              LDG.E.EF.128 R4, desc[UR4][R2.64] ;
        /*0060*/         @!P0 LDG.E.128 R8, desc[UR4][R12.64] ;
        /*0070*/              FADD R4, R4, R8 ;
        /*0080*/              STG.E.128 desc[UR4][R2.64], R4 ;
"""


@pytest.fixture
def least(binary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "IN_FLIGHT", {r"add_rows<": 32})


def problems(binary: Any, sass: str) -> list[str]:
    return list(binary.problems(binary.read(sass.splitlines()), ["75", "90"]))


@pytest.mark.usefixtures("least")
def test_reads_kernels(binary: Any) -> None:
    kernels = list(binary.read(SASS.splitlines()))
    found = [(k.architecture, k.name, k.instructions, k.in_flight, k.spills) for k in kernels]
    assert found == [("75", "add_rows<float32>", 4, 32, 0), ("90", "add_rows<float32>", 4, 32, 0)]
    assert problems(binary, SASS) == []


@pytest.mark.parametrize(
    ("code", "in_flight"),
    [
        ("LDG.E R1, [R2]; LDG.E.64 R4, [R2]; FADD R5, R1, R4", 12),
        ("LDG.E.U16 R1, [R2]; LDG.E.U8 R4, [R2]; LDG.E.S8 R5, [R2]; IADD R5, R1, R4", 4),
        ("LDG.E R1, [R2]; IADD R1, R1, 0x1; LDG.E R4, [R2]; IADD R5, R4, 0x1", 4),
        ("LDG.E.128 R4, [R2]; STG.E.128 [R12], R4; LDG.E.128 R8, [R2]; STG.E.128 [R12], R8", 16),
        ("LDG.E.128 R4, [R2]; LDG.E R8, [R2]; STG.E [R12], R7; LDG.E.128 R12, [R2]", 20),
        ("LDG.E R1, [R2]; LDG.E R4, [R1]", 4),
        ("LDG.E R1, [R2]; UIADD3 UR1, UR1, UR2; LDG.E R4, [R2]", 8),
        ("LDG.E R1, [R2]; IMAD R1, R5, R6, R7; EXIT", 4),
        ("EXIT", 0),
    ],
)
def test_bytes_in_flight(binary: Any, code: str, in_flight: int) -> None:
    assert binary.Kernel("90", "k<>", code.split("; ")).in_flight == in_flight


@pytest.mark.parametrize(
    ("demangled", "name"),
    [
        ("void k::(anonymous namespace)::add_rows_kernel<unsigned char>(k::row_addition)", "add_rows<uint8>"),
        ("void k::cast_rows_kernel<k::bfloat16, float>(k::row_groups)", "cast_rows<bfloat16, float32>"),
        ("void k::cast_rows_kernel<double, long>(k::row_groups)", "cast_rows<float64, int64>"),
        ("void k::add_strided_kernel<k::complex<double> >(k::w)", "add_strided<complex<float64>>"),
        (
            "void k::move_transposed_kernel<k::tile<unsigned int, 4u> >(k::t)",
            "move_transposed<tile<uint32, 4u>>",
        ),
        ("other", "other"),
    ],
)
def test_names(binary: Any, demangled: str, name: str) -> None:
    assert binary.readable(demangled) == name


@pytest.mark.usefixtures("least")
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "STG.E.128 desc",
            "STL [R1], R4 ;\n /*0090*/ STG.E.128 desc",
            "sm_90: add_rows<float32> spills registers, 1",
        ),
        ("NOP", "LDL.64 R4, [R1]", "sm_75: add_rows<float32> spills registers, 1 times"),
        ("LDG.E.EF.128", "LDG.E.64", "sm_90: add_rows<float32> has 24 bytes in flight, less than 32"),
        ("arch = sm_90", "arch = sm_86", "sm_90: there are no kernels"),
        ("add_rows_kernel<float>", "add_rows_kernel<double>", "sm_90: add_rows<float32> is missing"),
        ("add_rows_kernel", "other_kernel", "no kernel matches add_rows<"),
    ],
)
def test_finds_what_is_wrong(binary: Any, old: str, new: str, problem: str) -> None:
    assert old in SASS
    once = old == "add_rows_kernel<float>"
    at = SASS.rindex(old) if once else 0
    changed = SASS[:at] + SASS[at:].replace(old, new)
    found = problems(binary, changed)
    assert any(line.startswith(problem) for line in found), found


@pytest.mark.usefixtures("least")
def test_nothing_at_all_is_wrong(binary: Any) -> None:
    assert "sm_75: there are no kernels" in problems(binary, "")


def test_a_table(binary: Any) -> None:
    usage = "arch = sm_90\n Function void k::add_rows_kernel<float>(k::row_addition):\n  REG:47 STACK:0"
    used = binary.registers(usage.splitlines())
    assert used == {("90", "add_rows<float32>"): 47}
    rows = binary.table(binary.read(SASS.splitlines()), used)
    assert [row["registers"] for row in rows] == [0, 47]
    assert rows[1]["kernel"] == "add_rows<float32>"
    assert rows[1]["bytes_in_flight"] == 32


def test_a_kernel_that_no_pattern_names_may_load_as_it_likes(binary: Any) -> None:
    assert binary.least_in_flight("other<>") == 0
    assert binary.least_in_flight("cast_rows<float64, uint8>") < binary.least_in_flight(
        "cast_rows<float32, int32>"
    )
