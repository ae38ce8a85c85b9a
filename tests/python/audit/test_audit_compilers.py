"""torch.compile, torch.jit, torch.func and `__torch_function__` inside an audit, and after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

torch = pytest.importorskip("torch", reason="most watched calls are torch's")


def in_float64(x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(x).clone().contiguous().to(torch.float64) + torch.tensor(1.0)


def through_numpy(x: Any) -> Any:
    return torch.from_numpy(np.asarray(x)) + 1


def test_torch_compile_works_during_an_audit_and_after() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np, torch, numpy_bridge as bridge
from test_audit_compilers import in_float64, through_numpy

def run(fullgraph):
    torch._dynamo.reset()
    compiled = torch.compile(in_float64, backend="eager", fullgraph=True)
    assert compiled(torch.ones(2)).tolist() == [2, 2]
    compiled = torch.compile(through_numpy, backend="eager", fullgraph=fullgraph)
    assert compiled(np.ones(2)).tolist() == [2, 2]

with bridge.audit():
    run(True)
    run(False)
run(True)
with bridge.audit():
    run(True)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.filterwarnings("ignore")
def test_torch_jit_and_func_work_during_an_audit() -> None:
    ones = torch.ones(2)
    with bridge.audit():
        assert torch.jit.script(in_float64)(ones).tolist() == [2, 2]
        assert torch.jit.trace(in_float64, ones)(ones).tolist() == [2, 2]
        assert torch.vmap(in_float64)(ones).tolist() == [2, 2]
        assert torch.func.grad(lambda x: in_float64(x).sum())(ones).tolist() == [1, 1]


def test_modes_and_subclasses_see_the_same_calls() -> None:
    class Listening(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return function(*args, **(kwargs or {}))

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return super().__torch_function__(function, types, args, kwargs)

    def program() -> list[Any]:
        seen.clear()
        with Listening():
            x = torch.as_tensor([1.0, 2.0]).clone().to(torch.float64).contiguous()
            np.asarray(x.as_subclass(Mine))
            x.as_subclass(Mine).clone().tolist()
        return list(seen)

    seen: list[Any] = []
    before = program()
    with bridge.audit() as log:
        during = program()
    assert [f.__name__ for f in during] == [f.__name__ for f in before]
    assert len(log) == 7
