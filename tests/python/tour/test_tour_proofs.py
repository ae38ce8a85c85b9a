"""Nothing false gets through the tour: its proofs and claims fail on anything but the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import numpy_bridge
from numpy_bridge import tour
from numpy_bridge.tour import Claim, Pair, Step, Verdict, Write, proof

torch = pytest.importorskip("torch", reason="the tour runs on PyTorch")


def a_step(code: str = "", **fields: object) -> Step:
    return Step(name="test", title="A test", part="Tests", code=code, **fields)  # type: ignore[arg-type]


SHARED = "a = np.ones(4)\nb = torch.from_numpy(a)"
COPIED = "a = np.ones(4)\nb = torch.tensor(a)"
SHIFTED = "block = np.ones(5)\na, b = block[:-1], block[1:]"
REVERSED = "a = np.ones(4)\nb = a[::-1]"


@pytest.mark.parametrize(
    ("code", "shares", "holds"),
    [
        (SHARED, True, True),
        (SHARED, False, False),
        (COPIED, False, True),
        (COPIED, True, False),
        (SHIFTED, True, False),
        (SHIFTED, False, False),
        (REVERSED, True, False),
        (REVERSED, False, False),
    ],
)
def test_proof_holds_only_if_true(code: str, shares: bool, holds: bool) -> None:
    result = tour.run_step(a_step(code, pairs=(Pair("a", "b", shares),)))
    assert result.status == ("passed" if holds else "failed")
    assert result.proofs[0].holds is holds


@pytest.mark.parametrize("code", [SHARED, COPIED])
@pytest.mark.parametrize("witness", ["writes", "address", "overlap"])
def test_every_witness_must_agree(monkeypatch: pytest.MonkeyPatch, code: str, witness: str) -> None:
    shares = code is SHARED
    if witness == "writes":
        lie = Write(via="a", seen_by="b", before=(1.0,), wrote=(2.0,), read=(1.0,) if shares else (2.0,))
        monkeypatch.setattr(proof, "_write", lambda *sides: lie)
    elif witness == "overlap":
        monkeypatch.setattr(numpy_bridge, "shares_memory", lambda a, b: not shares)
    result = tour.run_step(a_step(code, pairs=(Pair("a", "b", shares),)))
    evidence = result.proofs[0]
    if witness == "address":
        elsewhere = evidence.second.address + 8 if shares else evidence.first.address
        evidence = dataclasses.replace(
            evidence, second=dataclasses.replace(evidence.second, address=elsewhere)
        )
    assert not evidence.holds


def test_proof_writes_every_element_and_restores_them() -> None:
    namespace = {"a": np.arange(6.0).reshape(2, 3)}
    namespace["b"] = torch.from_numpy(namespace["a"])
    evidence = proof.prove(Pair("a", "b", shares=True), namespace)
    assert namespace["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for write in evidence.writes:
        assert len(set(write.wrote)) == len(write.wrote) == write.seen == 6
        assert not set(write.wrote) & set(write.before)
        assert write.read == write.wrote


def test_proof_describes_both_sides() -> None:
    code = "a = np.ones((2, 3), dtype=np.float32)\nb = torch.from_numpy(a).T\nc = a.T"
    evidence = tour.run_step(a_step(code, pairs=(Pair("b", "c", shares=True),))).proofs[0]
    assert (evidence.first.library, evidence.second.library) == ("torch", "numpy")
    for side in (evidence.first, evidence.second):
        memory = side.memory
        assert (memory.shape, memory.strides, memory.dtype) == ((3, 2), (4, 12), "float32")
        assert (memory.nbytes, memory.device) == (24, "cpu")


@pytest.mark.parametrize("pair", [Pair("a", "a[1:]", shares=True), Pair("a", "nowhere", shares=True)])
def test_proof_that_cannot_be_made_fails_the_step(pair: Pair) -> None:
    result = tour.run_step(a_step("a = np.ones(3)\nprint(1)", pairs=(pair,)))
    assert result.status == "failed"
    assert result.error.startswith("the proof stopped: ")
    assert result.output == "1\n"


# A claim fails on anything but the truth


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("statement", ["x == 1", "x == 2"])
def test_verdict_must_fit_the_statement(verdict: Verdict, statement: str) -> None:
    result = tour.run_step(a_step("x = 1", claims=(Claim("x is ...", verdict, article=statement),)))
    right = verdict in (Verdict.AGREES, Verdict.INCOMPLETE)
    assert result.status == ("passed" if right is (statement == "x == 1") else "failed")
    assert result.verdict is (verdict if result.status == "passed" else None)


@pytest.mark.parametrize(("fact", "got"), [("x == 2", False), ("y", "NameError: name 'y' is not defined")])
def test_every_fact_must_be_true(fact: str, got: object) -> None:
    result = tour.run_step(a_step("x = 1", claims=(Claim("", Verdict.AGREES, "x == 1", ("True", fact)),)))
    assert result.status == "failed"
    assert [check.got for check in result.findings[0].checks] == [True, True, got]


def test_statement_that_cannot_be_evaluated_fails() -> None:
    for verdict in Verdict:
        assert tour.run_step(a_step(claims=(Claim("", verdict, article="nowhere"),))).status == "failed"


def test_output_is_what_the_code_printed() -> None:
    facts = (
        "output == '3\\n'",
        "same(output, article_output)",
        "error_of('nowhere').startswith('NameError')",
    )
    claim = Claim("", Verdict.AGREES, "True", facts)
    result = tour.run_step(a_step("print(1 + 2)", article_output="   3", claims=(claim,)))
    assert (result.output, result.status, result.differs) == ("3\n", "passed", False)


def test_code_that_raises_fails_with_its_line() -> None:
    result = tour.run_step(a_step("print('before')\n1 / 0", claims=(Claim("", Verdict.AGREES, "True"),)))
    assert (result.status, result.output) == ("failed", "before\n")
    assert result.error == "line 2: ZeroDivisionError: division by zero"
    assert result.verdict is None


def test_code_that_does_not_compile_fails() -> None:
    assert "SyntaxError" in tour.run_step(a_step("x =")).error
