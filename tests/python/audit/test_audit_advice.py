"""The alternative of an audit: it keeps what the call asked for, or there is none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

torch = pytest.importorskip("torch", reason="most rows convert to torch")

MATRIX, IMAGE, TENSOR = np.ones((8, 4), np.float32), torch.rand(2, 3, 8, 8), torch.rand(4, 8)
TO_TORCH, AS_ARRAY = "bridge.to_torch(x)", "np.asarray(x)"


@pytest.mark.parametrize(
    ("call", "x", "alternative"),
    [
        # asked for more than values: a layout, gradients, dimensions, another library's dispatch
        (lambda x: torch.tensor(x, requires_grad=True), MATRIX, ""),
        (lambda x: np.array(x, ndmin=3), MATRIX, ""),
        (lambda x: np.array(x, order="F"), MATRIX, ""),
        (lambda x: np.array(x, None, order="C"), MATRIX.T, ""),
        (lambda x: np.array(x, subok=True), MATRIX, ""),
        (lambda x: np.array(x, like=x), MATRIX, ""),
        (lambda x: np.ascontiguousarray(x), MATRIX.T, ""),
        (lambda x: np.ascontiguousarray(x), TENSOR.t(), ""),
        (lambda x: np.asfortranarray(x), MATRIX, ""),
        (lambda x: np.asfortranarray(x), TENSOR, ""),
        (lambda x: x.contiguous(), TENSOR.t(), ""),
        (lambda x: x.contiguous(memory_format=torch.channels_last), IMAGE, ""),
        (lambda x: x.to(memory_format=torch.channels_last), IMAGE, ""),
        # copies that are asked for
        (lambda x: x.clone(), TENSOR, ""),
        (lambda x: np.copy(x), MATRIX, ""),
        (lambda x: np.array(x, copy=True), MATRIX, ""),
        (lambda x: x.tolist(), TENSOR, ""),
        (lambda x: bridge.to_torch(x, copy=True), MATRIX, ""),
        # a dtype is kept: the next argument may be a list
        (lambda x: np.array(x, dtype=np.float32), MATRIX, "np.asarray(x, dtype=np.float32)"),
        (lambda x: np.array(x, np.float32), MATRIX, "np.asarray(x, dtype=np.float32)"),
        (lambda x: np.array(x, dtype=bool), MATRIX > 0, "np.asarray(x, dtype=np.bool)"),
        (lambda x: np.array(x, dtype="M8[s]"), np.zeros(3, "M8[s]"), "np.asarray(x, dtype='datetime64[s]')"),
        (
            lambda x: torch.tensor(x, dtype=torch.float32),
            MATRIX,
            "torch.as_tensor(x, dtype=torch.float32)",
        ),
        (lambda x: np.array(x, dtype=np.float32), bytearray(8), ""),
        (
            lambda x: torch.tensor(x, dtype=torch.float64),
            MATRIX,
            "bridge.to_torch(x) with x created as float64",
        ),
        # arguments that ask for nothing
        (lambda x: torch.tensor(x, requires_grad=False, device="cpu", dtype=None), MATRIX, TO_TORCH),
        (lambda x: torch.tensor(x, device=torch.device("cpu")), MATRIX, TO_TORCH),
        (lambda x: np.array(x, dtype=None, order="K", ndmin=0, subok=False, like=None), MATRIX, AS_ARRAY),
        (lambda x: np.array(object=x), MATRIX, AS_ARRAY),
    ],
)
def test_advice_keeps_the_arguments(call: Any, x: Any, alternative: str) -> None:
    with bridge.audit() as log:
        result = call(x)
    (conversion,) = log
    assert conversion.outcome == "copied"
    if "np.bool)" in alternative and not hasattr(np, "bool"):
        alternative = "np.asarray(x, dtype='bool')"
    assert conversion.alternative == alternative
    code, _, created = alternative.partition(" with x created as ")
    if not code:
        return
    source = x.astype(created) if created else x.copy()
    instead = eval(code, {"np": np, "bridge": bridge, "torch": torch, "x": source})
    assert (instead.dtype, instead.shape) == (result.dtype, result.shape)
    assert getattr(instead, "requires_grad", False) == getattr(result, "requires_grad", False)
    assert np.asarray(instead).tolist() == np.asarray(result).tolist()
    np.asarray(instead)[...] = 0
    assert not source.view(np.uint8).any()


def test_every_report_names_the_faster_call() -> None:
    console = pytest.importorskip("rich.console", reason="the table needs rich").Console(
        file=io.StringIO(), width=300
    )
    from numpy_bridge.auditing.page import html
    from numpy_bridge.auditing.pictures import Pictures
    from numpy_bridge.auditing.run import Run
    from numpy_bridge.auditing.terminal import table

    with bridge.audit() as log:
        np.array([torch.ones(2), torch.ones(2)])
    (slow,), run = log, Run(log, 0, Path.cwd())
    assert not slow.hidden
    assert slow.instead == "torch.stack(x).numpy()"
    console.print(table(run))
    for report in (console.file.getvalue(), html(run, ["slow.py"], Pictures()), log._repr_html_(), str(slow)):
        assert slow.instead in report
