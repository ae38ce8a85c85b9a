"""A numpy_op beside a hand-written autograd.Function that copies nothing, and beside torch.library.custom_op.

    python benchmarks/numpy_op.py [--json FILE]

All three compute the same with the same NumPy code. Every row times both sides in turn and compares by the
median of ratios. The aim for "times better" is 1 / 1.2 = 0.83.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

import numpy_bridge as bridge
from side_by_side import compare_calls, print_rows

AIM = 1 / 1.2
SIZES = (8, 10_000, 100_000)
Array = np.ndarray[Any, Any]


@bridge.numpy_op(out=lambda x: (x.shape, x.dtype))
def ours(x: Array) -> Array:
    """Sine, as an operation."""
    return np.sin(x)


@ours.vjp
def _(grad: Array, x: Array) -> Array:
    return grad * np.cos(x)


class HandWritten(torch.autograd.Function):
    """Sine, as torch's tutorial has it, but without a copy. It checks nothing."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Compute in NumPy."""
        ctx.save_for_backward(x)
        return torch.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        """Compute in NumPy."""
        (x,) = ctx.saved_tensors
        return torch.from_numpy(grads[0].detach().numpy() * np.cos(x.detach().numpy()))


def sine(x: torch.Tensor) -> torch.Tensor:
    """Sine, as a custom operator."""
    return torch.from_numpy(np.sin(x.numpy()))


def gradient(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
    """Compute in NumPy."""
    (x,) = ctx.saved_tensors
    return torch.from_numpy(grad.numpy() * np.cos(x.detach().numpy()))


def keep(ctx: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
    """Save the input."""
    ctx.save_for_backward(*inputs)


operator: Any = torch.library.custom_op("numpy_bridge_bench::sine", sine, mutates_args=())
operator.register_autograd(gradient, setup_context=keep)


def with_backward(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls this one and goes back."""

    def both(x: torch.Tensor, grad: torch.Tensor) -> None:
        x.grad = None
        function(x).backward(grad)

    return both


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    by_hand: Callable[..., Any] = HandWritten.apply
    for function in (ours, by_hand, operator):
        with_backward(function)(
            torch.ones(2, requires_grad=True), torch.ones(2)
        )  # imports what is imported once
    rows = []
    for size in SIZES:
        plain, recorded = torch.ones(size), torch.ones(size, requires_grad=True)
        theirs = {"autograd.Function": (by_hand, AIM), "custom_op": (operator, None)}
        rows += compare_calls(f"call, {size:,} elements", [plain], ours, theirs)
        rows += compare_calls(f"recorded call, {size:,} elements", [recorded], ours, theirs)
        gone_back = {name: (with_backward(f), aim) for name, (f, aim) in theirs.items()}
        what = f"call and backward, {size:,} elements"
        rows += compare_calls(what, [recorded, torch.ones(size)], with_backward(ours), gone_back)
    console = Console()
    print_rows("sin(x) in NumPy, as an operation of torch", rows, console)
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    console.print(f"{versions}, {platform.machine()}")
    if arguments.json:
        document = {"versions": versions, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
