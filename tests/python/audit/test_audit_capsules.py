"""What an audit says of DLPack capsules, which hand over memory that is gone from them afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor, new_capsule

torch = pytest.importorskip("torch", reason="takes the capsules")

SAME, EMPTY = "the same memory", "there are no elements to copy"


def only(log: bridge.auditing.AuditLog) -> Any:
    (conversion,) = log
    return conversion


@pytest.mark.parametrize("offset", [0, 8])
@pytest.mark.parametrize("versioned", [True, False])
def test_taken(versioned: bool, offset: int) -> None:
    producer = FakeTensor(versioned=versioned, byte_offset=offset, shape=(4,))
    capsule = producer.__dlpack__()
    with bridge.audit() as log:
        tensor = torch.from_dlpack(capsule)
    assert (only(log).source, only(log).outcome, only(log).reason) == ("PyCapsule", "shared", SAME)
    assert only(log).nbytes == 16
    tensor[0] = 7
    assert producer.values[offset // 4] == 7


@pytest.mark.parametrize("versioned", [True, False])
def test_taken_by_a_consumer_that_copies(versioned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeTensor(versioned=versioned)  # owns the structure
    capsule = producer.__dlpack__()
    monkeypatch.setattr(torch, "from_dlpack", copying_consumer)
    with bridge.audit() as log:
        torch.from_dlpack(capsule)
    assert (only(log).outcome, only(log).nbytes) == ("copied", 24)


def copying_consumer(capsule: object) -> Any:
    return torch.ones(6)


def test_a_version_that_nobody_knows_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeTensor(version=(2, 0))
    capsule = producer.__dlpack__()
    monkeypatch.setattr(torch, "from_dlpack", copying_consumer)
    with bridge.audit() as log:
        torch.from_dlpack(capsule)
    assert (only(log).outcome, only(log).reason) == (
        "unknown",
        "torch float32 or its capsule does not say where the memory is",
    )


@pytest.mark.parametrize("name", [b"something else", None])
def test_other_capsules_are_not_read(name: bytes | None) -> None:
    """Their pointers may lead nowhere."""
    with bridge.audit() as log:
        np.array(new_capsule(1, name, None))
    assert (only(log).source, only(log).outcome, only(log).asked) == ("PyCapsule", "copied", True)


@pytest.mark.parametrize("keywords", [{}, {"max_version": (1, 0)}])
def test_made_and_taken(keywords: dict[str, Any]) -> None:
    tensor = torch.ones(4)[1:]
    with bridge.audit() as log:
        again = torch.from_dlpack(tensor.__dlpack__(**keywords))
    assert [(c.call, c.outcome, c.reason, c.nbytes) for c in log] == [
        ("Tensor.__dlpack__", "shared", SAME, 12),
        ("torch.from_dlpack", "shared", SAME, 12),
    ]
    again[0] = 7
    assert tensor[0] == 7


def test_without_elements() -> None:
    with bridge.audit() as log:
        torch.from_dlpack(torch.ones(4)[:0].__dlpack__())
        torch.from_dlpack(torch.ones(0).__dlpack__())
    assert {(c.outcome, c.reason) for c in log} == {("shared", EMPTY)}
