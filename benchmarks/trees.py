"""What `tree=True` costs beside loops over the same arrays, in one run, as ratios.

    python benchmarks/trees.py [--json FILE]

"recursion" is a function that one would write by hand for dicts, lists and tuples of any depth.
"comprehension" knows that the tree is one dict, and makes a plain one. Both call `bridge.to_numpy` or
`bridge.to_torch` for each array and check nothing before. New tensors are pinned by their first conversion;
making them is part of these rows on both sides.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optree
import torch
from rich.console import Console

import numpy_bridge as bridge
from side_by_side import Row, compare_calls, print_rows

AIM = 1 / 1.3  # of the time of the recursion

Convert = Callable[[Any], Any]


def recursion(x: Any, convert: Convert) -> Any:
    """Convert the arrays of a tree, as written by hand."""
    if isinstance(x, dict):
        return type(x)((key, recursion(part, convert)) for key, part in x.items())
    if isinstance(x, (list, tuple)):
        return type(x)(recursion(part, convert) for part in x)
    if isinstance(x, (np.ndarray, torch.Tensor)):
        return convert(x)
    return x


def state(count: int) -> OrderedDict[str, Any]:
    """Return new tensors as a state dict has them."""
    return OrderedDict((f"layers.{i}.weight", torch.ones(4)) for i in range(count))


def batch(make: Callable[[int], Any]) -> dict[str, Any]:
    """Return a batch of a few new arrays and other things."""
    sensors = {name: make(4) for name in ("camera", "depth", "pose", "speed")}
    return {"observation": sensors, "action": make(4), "reward": [make(4), make(4)], "name": "run 7"}


def measured_rows() -> list[Row]:
    """Compare state dicts and batches."""
    kept, arrays = state(150), batch(np.ones)
    by_numpy: Convert = lambda x: bridge.to_numpy(x, tree=True)  # noqa: E731
    by_torch: Convert = lambda x: bridge.to_torch(x, tree=True)  # noqa: E731
    to_numpy, to_torch = bridge.to_numpy, bridge.to_torch
    return [
        *compare_calls(
            "to_numpy, 150 tensors",
            [kept],
            by_numpy,
            {
                "recursion": (lambda x: recursion(x, to_numpy), AIM),
                "comprehension": (lambda x: {name: to_numpy(tensor) for name, tensor in x.items()}, None),
                "optree.tree_map": (lambda x: optree.tree_map(to_numpy, x), None),
            },
        ),
        *compare_calls(
            "to_numpy, 150 new tensors",
            [],
            lambda: by_numpy(state(150)),
            {"recursion": (lambda: recursion(state(150), to_numpy), AIM)},
        ),
        *compare_calls(
            "to_torch, a batch of 7 arrays",
            [arrays],
            by_torch,
            {"recursion": (lambda x: recursion(x, to_torch), AIM)},
        ),
        *compare_calls(
            "to_numpy, a batch of 7 new tensors",
            [],
            lambda: by_numpy(batch(torch.ones)),
            {"recursion": (lambda: recursion(batch(torch.ones), to_numpy), AIM)},
        ),
    ]


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    rows = measured_rows()
    console = Console()
    print_rows("Time of one call for a tree", rows, console)
    versions = f"numpy {np.__version__}, torch {torch.__version__}, optree {optree.__version__}"
    versions = f"{versions}, Python {platform.python_version()}, {platform.machine()}"
    console.print(versions)
    if arguments.json:
        document = {"versions": versions, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
