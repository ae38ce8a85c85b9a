"""What a C++ function of three arrays costs to call, beside other ways to bind it, in one run, as ratios.

    python benchmarks/cpp_call.py [--json FILE] [--libtorch] [--build FOLDER]

Builds the extensions in `cpp_call/` against the installed packages of their libraries, then times the calls
in turn, many times, and reports the median ratio: all see the same machine at the same moment. Times are CPU
times, so that what else the machine does counts little. Building needs CMake and Ninja.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import timeit
from dataclasses import asdict
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console

from cpp_calls import TARGETS, Calls
from extensions import Build, build_rows
from side_by_side import Row, print_rows

SIDE = 4096
LOOPS = 15


def element_rows() -> list[Row]:
    """Loops over a large matrix through `x(i, j)` and through pointers."""
    elements = import_module("elements")
    rows = []
    for name in ("float32", "int64"):
        dtype = np.dtype(name)
        x = np.random.default_rng(0).integers(0, 100, (SIDE, SIDE)).astype(dtype)
        out = np.zeros_like(x)
        wanted = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * x[1:-1, 1:-1]
        for loop, layout, arguments in (
            ("sum", "packed", (x,)),
            ("sum", "strided", (x,)),
            ("sum", "strided", (x.T,)),
            ("stencil", "packed", (x, out)),
            ("stencil", "strided", (x, out)),
        ):
            by_index, by_pointer = (
                getattr(elements, f"{loop}_{layout}_{who}_{name}") for who in ("ours", "raw")
            )
            pairs = []
            for _ in range(LOOPS):
                pair = [
                    timeit.timeit(partial(f, *arguments), timer=time.process_time, number=1)
                    for f in (by_index, by_pointer)
                ]
                pairs.append((pair[0] * 1e3, pair[1] * 1e3))
                assert loop == "sum" or np.array_equal(out[1:-1, 1:-1], wanted)
            order = " of the transpose" if arguments[0] is not x else ""
            what = f"{loop}{order}, {name}, {'C-contiguous' if layout == 'packed' else 'any strides'}"
            rows.append(Row.of(what, "pointers", "ms", pairs, 0.98))
    return rows


def cpu_name() -> str:
    """The processor, as the kernel calls it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def main() -> None:
    """Build, measure, print the tables, and write them as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    parser.add_argument(
        "--libtorch", action="store_true", help="also bind with libtorch's own caster (a minute to build)"
    )
    parser.add_argument("--build", type=Path, help="build in this folder, and leave it there")
    parser.add_argument("--only", choices=("calls", "elements", "builds"), help="only these rows")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.build or Path(temporary)
        build = Build(root / "cpp17_all", libtorch=arguments.libtorch)
        wanted = (arguments.only,) if arguments.only else ("calls", "elements", "builds")
        tables: dict[str, list[Row]] = {}
        sys.path.insert(0, str(build.folder))
        if "calls" in wanted:
            build.make(*TARGETS, *(["call_libtorch"] if arguments.libtorch else []))
            calls = Calls(build, arguments.libtorch)
            tables["A call with three arrays, (5, 2) float32"] = list(calls.rows())
        if "elements" in wanted:
            build.make("elements")
            tables[f"Elements of a {SIDE} x {SIDE} array"] = element_rows()
        if "builds" in wanted:
            tables["A module with ten functions of arrays"] = build_rows(root)
    console = Console(width=max(110, Console().width))
    for title, rows in tables.items():
        print_rows(title, rows, console)
    packages = ("numpy", "torch", "pybind11", "nanobind", "apache-tvm-ffi", "jax")
    versions = (
        ", ".join(f"{name} {version(name)}" for name in packages) + f", Python {platform.python_version()}"
    )
    machine = f"{cpu_name()}, {os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    console.print(versions, machine, sep="\n")
    if arguments.json:
        document = {
            "date": time.strftime("%Y-%m-%d"),
            "versions": versions,
            "machine": machine,
            "tables": {title: [asdict(row) for row in rows] for title, rows in tables.items()},
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
