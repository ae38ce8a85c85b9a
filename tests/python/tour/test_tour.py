"""The tour's steps, and how they are chosen, run and summed up."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from numpy_bridge import tour
from numpy_bridge.libraries import Library
from numpy_bridge.tour import Claim, Pair, Result, Step, Verdict
from support import run_python

torch = pytest.importorskip("torch", reason="the tour runs on PyTorch")

run_module = sys.modules["numpy_bridge.tour.run"]
BY_NAME = {step.name: step for step in tour.steps}


def a_step(code: str = "", **fields: object) -> Step:
    return Step(name="test", title="A test", part="Tests", code=code, **fields)  # type: ignore[arg-type]


# The article's steps


@pytest.mark.parametrize("step", tour.steps, ids=lambda step: step.name)
def test_step(step: Step) -> None:
    result = tour.run_step(step)
    if result.skipped:
        pytest.skip(result.skipped)
    assert not result.error
    assert [proof.to_dict() for proof in result.proofs if not proof.holds] == []
    assert [finding.to_dict() for finding in result.findings if not finding.holds] == []
    assert result.status == "passed"
    assert len(result.proofs) == len(step.pairs)
    assert len(result.findings) == len(step.claims)


@pytest.mark.parametrize("step", tour.steps, ids=lambda step: step.name)
def test_step_can_be_shown_anywhere(step: Step) -> None:
    claims = [text for claim in step.claims for text in (claim.says, claim.because)]
    shown = [step.name, step.title, step.part, step.code, step.article_output or "", *claims]
    assert all(text.isascii() for text in shown)
    assert max(map(len, step.code.splitlines())) <= 68, "fits beside its output on 120 columns"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", step.name)
    assert step.claims


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(tour.steps)


def test_parts_are_contiguous_and_in_the_articles_order() -> None:
    parts = list(dict.fromkeys(step.part for step in tour.steps))
    assert [step.part for step in tour.steps] == sorted((step.part for step in tour.steps), key=parts.index)
    names = list(BY_NAME)
    order = [
        "autograd",
        "tensor-to-array",
        "array-to-tensor",
        "torch-tensor-float64",
        "copy-of-array",
        "cuda-tensors",
    ]
    assert sorted(order, key=names.index) == order


def test_the_article_run_straight_through_ends_as_the_steps_say() -> None:
    """The state that `b`, `a2` and `c1` really have when the listings run one after the other."""
    a = np.ones((5, 2))
    b = torch.Tensor(a)
    b += 1
    a2 = b.numpy().copy()
    a2 += 1
    assert (a == 1).all()
    assert (b == 2).all()
    assert (a2 == 3).all()
    c1 = torch.from_numpy(a2)
    c1 += 1
    assert (a2 == 4).all()
    assert (c1 == 4).all()


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("tensor-to-array", False),
        ("add-in-place", False),
        ("array-to-tensor", False),
        ("torch-tensor-float64", True),
        ("convert-to-array", True),
        ("copy-of-array", True),
        ("array-back-to-tensor", True),
    ],
)
def test_which_of_the_articles_prints_are_impossible(name: str, verdict: bool) -> None:
    result = tour.run_step(BY_NAME[name])
    assert result.differs is verdict
    assert (result.verdict is Verdict.IMPOSSIBLE) is verdict


# CUDA


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("name", ["gpu", "cuda-tensors", "cuda-in-place"])
def test_cuda_steps_are_skipped_with_the_reason(name: str) -> None:
    result = tour.run_step(BY_NAME[name])
    assert result.status == "skipped"
    assert result.skipped == tour.cuda_unavailable() != ""
    assert not result.output
    assert not result.differs


def test_steps_that_need_kernels_are_skipped_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "cuda_unavailable", lambda: "")
    monkeypatch.setattr(run_module, "describe_cuda", lambda: {"unavailable": "no kernels in the wheel"})
    step = a_step("print(1)", needs_cuda=True, needs_kernels=True)
    assert tour.run_step(step).skipped == "no kernels in the wheel"
    monkeypatch.setattr(run_module, "describe_cuda", lambda: {"unavailable": None})
    assert tour.run_step(step).output == "1\n"


def test_what_is_done_in_place_on_a_device_can_be_done_on_the_host() -> None:
    """Where the same step proves itself, but for what it says of devices."""
    step = BY_NAME["cuda-in-place"]
    code = step.code.replace('"cuda"', '"cpu"').replace(".cuda()", "")
    claim = Claim("", Verdict.AGREES, "z.tolist() == host.tolist() == [5, 7, 9]", ("torch.equal(x + y, z)",))
    result = tour.run_step(a_step(code, pairs=step.pairs, claims=(claim,)))
    assert (result.status, result.output) == ("passed", "tensor([5, 7, 9])\n")


def test_steps_that_need_a_library_are_skipped_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    step = a_step("print(1)", needs_library="absent")
    monkeypatch.setitem(run_module.BY_NAME, "absent", Library("absent", ("no_such_module",)))
    assert tour.run_step(step).skipped == "absent is not installed: pip install absent"
    monkeypatch.setitem(run_module.BY_NAME, "absent", Library("absent", ("numpy",)))
    assert tour.run_step(step).output == "1\n"


def no_device() -> None:
    raise RuntimeError("Found no NVIDIA driver on your system.\nMore about it.")


@pytest.mark.parametrize(
    ("available", "built", "init", "reason"),
    [
        (True, True, None, ""),
        (False, False, None, "is built without CUDA"),
        (False, True, no_device, "no device to use: Found no NVIDIA driver on your system."),
        (False, True, lambda: None, "reports no device"),
    ],
)
def test_why_cuda_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, available: bool, built: bool, init: object, reason: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.backends, "cuda", SimpleNamespace(is_built=lambda: built))
    assert tour.cuda_unavailable().endswith(reason)
    assert bool(tour.cuda_unavailable()) is not available


# Steps and their surroundings leave each other alone


def test_each_step_has_a_namespace_of_its_own() -> None:
    tour.run_step(a_step("left_behind = 1"))
    assert tour.run_step(a_step("left_behind")).error.endswith("name 'left_behind' is not defined")


def test_steps_are_repeatable_and_do_not_disturb() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    filters = list(warnings.filters)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), torch.no_grad():
        first, second = tour.run(["frameworks", "frameworks"])
        assert not torch.is_grad_enabled()
    assert first.output == second.output
    assert first.status == "passed"
    assert torch.equal(torch.rand(1), expected)
    assert warnings.filters == filters
    assert printed.getvalue() == ""


def test_importing_the_tour_imports_neither_torch_nor_the_command_lines_needs() -> None:
    code = "import sys, numpy_bridge.tour; print([m for m in ('torch', 'rich', 'typer') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Selecting, counting, JSON


def test_run_keeps_the_order_of_the_names() -> None:
    names = ["torch-ones", "exercise"]
    assert [result.step.name for result in tour.run(names)] == names


def test_select_everything() -> None:
    assert tour.select() == tour.steps


def test_unknown_names_lead_to_the_list() -> None:
    with pytest.raises(
        tour.UnknownStepError, match=r"there is no step nope; numpy-bridge tour --list shows steps 1 to "
    ):
        tour.run(["nope", "exercise", "nada"])


def test_results_are_frozen() -> None:
    result = tour.run_step(a_step())
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.output = "something else"  # type: ignore[misc]


def test_summary_counts() -> None:
    claims = (
        Claim("", Verdict.AGREES, "True"),
        Claim("", Verdict.WRONG, "False"),
        Claim("", Verdict.WRONG, "True"),
    )
    pairs = (Pair("a", "b", shares=True), Pair("a", "b", shares=False))
    failed = tour.run_step(a_step("a = np.ones(4)\nb = torch.from_numpy(a)", pairs=pairs, claims=claims))
    assert tour.summarise([failed, tour.run_step(a_step()), Result(a_step(), skipped="why")]) == {
        "steps": {"total": 3, "passed": 1, "failed": 1, "skipped": 1},
        "proofs": {"total": 2, "hold": 1},
        "statements": {"total": 3, "agrees": 1, "incomplete": 0, "wrong": 1, "impossible": 0, "failed": 1},
    }


STEP_FIELDS = "name title part status verdict code output article_output proofs claims error skipped"
PROOF_FIELDS = "expected holds first second writes same_address overlap"
SIDE_FIELDS = "expression library address shape strides dtype nbytes device"
WRITE_FIELDS = "via seen_by before wrote read seen of"
CLAIM_FIELDS = "says verdict because holds statement facts"
CHECK_FIELDS = "expression expected got holds"


def test_json_form() -> None:
    """Other programs read these fields: they stay as long as the schema's version does."""
    document = tour.report(tour.run(["copy-of-array", "gpu"]))
    assert json.loads(json.dumps(document)) == document
    assert list(document) == ["schema", "environment", "prelude", "summary", "results"]
    assert document["schema"] == "numpy-bridge/tour/1"
    assert list(document["environment"]) == ["numpy_bridge", "numpy", "torch", "python", "cuda_unavailable"]
    for result in document["results"]:
        assert list(result) == STEP_FIELDS.split()
    result = document["results"][0]
    assert (result["status"], result["verdict"]) == ("passed", "impossible")
    for evidence in result["proofs"]:
        assert list(evidence) == PROOF_FIELDS.split()
        assert evidence["expected"] == "separate"
        assert list(evidence["first"]) == list(evidence["second"]) == SIDE_FIELDS.split()
        assert [list(write) for write in evidence["writes"]] == [WRITE_FIELDS.split()] * 2
    for claim in result["claims"]:
        assert list(claim) == CLAIM_FIELDS.split()
        assert [list(check) for check in (claim["statement"], *claim["facts"])] == [CHECK_FIELDS.split()] * (
            1 + len(claim["facts"])
        )


def test_plain_text_fits_a_narrow_terminal() -> None:
    pytest.importorskip("typer", reason="the command line needs it: pip install 'numpy-bridge[cli]'")
    arguments = "import sys; sys.argv[1:] = ['tour', 'autograd', '--plain']\n"
    lines = run_python(arguments + "from numpy_bridge.cli import main; main()", COLUMNS="60").splitlines()
    (heading,) = (line for line in lines if "read via" in line)
    assert heading.split()[-1] == "memory"
    assert "address" not in heading
    assert [line for line in lines if len(line) > 60] == []
