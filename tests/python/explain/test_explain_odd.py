"""`explain` of objects that do not like to be asked, and from many threads at once."""

from __future__ import annotations

import sys
import threading
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import run_together


class Uncut(np.ndarray):
    """Raises when a part of it is asked for."""

    def __getitem__(self, index: Any) -> Any:
        raise ValueError("one piece, please")


def test_a_large_array_that_gives_no_parts() -> None:
    explanation = bridge.explain(np.ones(10_000).view(Uncut))
    assert explanation
    outcomes = {target.call: target.outcome for target in explanation.targets}
    assert (outcomes["bridge.to_numpy(x)"], outcomes["np.asarray(x)"]) == ("shares", "untried")


@pytest.mark.parametrize(
    ("x", "headline"), [(3, "an int cannot"), ("3", "a str cannot"), (object(), "an object cannot")]
)
def test_articles(x: object, headline: str) -> None:
    assert str(bridge.explain(x)).startswith(headline)


def test_while_another_thread_imports_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    assert bridge.explain(np.ones(3))


def test_filters_of_warnings_survive_many_threads() -> None:
    """What `warnings.catch_warnings` puts back is what it has found, which may be another thread's."""

    def work() -> None:
        for _ in range(30):
            bridge.explain(np.ones(3))

    before = list(warnings.filters)
    run_together(threading.Thread(target=work) for _ in range(4))
    assert list(warnings.filters) == before
