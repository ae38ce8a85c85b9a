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
        Function : _Z17add_packed_kernelIfE
        .headerflags    @"EF_CUDA_SM75"
        /*0050*/              LDG.E.128.SYS R4, [R2] ;   /* 0x0000 */
        /*0060*/              STG.E.128.SYS [R2], R4 ;
        Function : _Z18cast_packed_kernelIfdE
        /*0050*/              LDG.E.128.SYS R4, [R2] ;
        /*0060*/              LDG.E.128.SYS R4, [R2] ;
        /*0070*/         @!P0 STG.E.128.SYS [R2], R4 ;

Fatbin elf code:
================
arch = sm_90
        Function : _Z17add_packed_kernelIfE
        /*0050*/              LDG.E.EF.128 R4, desc[UR4][R2.64] ;
        /*0060*/              STG.E.128 desc[UR4][R2.64], R4 ;
        Function : _Z18cast_packed_kernelIfdE
        /*0050*/              LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0060*/              STG.E.128 desc[UR4][R2.64], R4 ;
"""


def problems(binary: Any, sass: str) -> list[str]:
    return list(binary.problems(binary.read(sass.splitlines()), ["75", "90"]))


def test_reads_kernels(binary: Any) -> None:
    kernels = list(binary.read(SASS.splitlines()))
    assert [(k.architecture, k.loads, k.stores, k.spills) for k in kernels] == [
        ("75", 1, 1, 0),
        ("75", 2, 1, 0),
        ("90", 1, 1, 0),
        ("90", 1, 1, 0),
    ]
    assert problems(binary, SASS) == []
    assert problems(binary, SASS.replace("@!P0 STG.E.128.SYS", "STG.E.SYS")) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "STG.E.128 desc",
            "STL [R1], R4 ;\nSTG.E.128 desc",
            "sm_90: _Z17add_packed_kernelIfE spills registers",
        ),
        ("STG.E.128 desc", "LDL.64 R4, [R1] ;\nSTG.E.128 desc", "sm_90: _Z18cast_packed_kernelIfdE spills"),
        ("LDG.E.EF.128", "LDG.E.64", "sm_90: _Z17add_packed_kernelIfE does not access 16 bytes at a time"),
        ("128", "64", "sm_75: _Z18cast_packed_kernelIfdE does not access"),
        ("arch = sm_90", "arch = sm_86", "sm_90: there are no kernels"),
        (
            "Function : _Z18cast_packed_kernelIfdE\n        /*0050*/              LDG.E.128 ",
            "",
            "sm_90: _Z18cast",
        ),
        ("cast_packed_kernel", "cast_other_kernel", "no kernel is called cast_packed_kernel"),
    ],
)
def test_finds_what_is_wrong(binary: Any, old: str, new: str, problem: str) -> None:
    assert old in SASS
    found = problems(binary, SASS.replace(old, new))
    assert any(line.startswith(problem) for line in found), found


def test_nothing_at_all_is_wrong(binary: Any) -> None:
    assert "sm_75: there are no kernels" in problems(binary, "")
