"""What the audit costs whole programs.

    python benchmarks/audit_cost.py [--rounds N] [--json FILE]

Every program of `audit_programs` runs under python and under `numpy-bridge audit` in turn. CPU time is that
of a process and its children, user and system.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

PROGRAMS = Path(__file__).parent / "audit_programs"
NAMES = ("training", "replay_buffer", "data_loading", "table_pipeline", "image_pipeline", "inference")


class Run(NamedTuple):
    """CPU seconds and MiB of one run, and what it printed."""

    cpu: float
    memory: float
    output: str


def run(command: Sequence[str]) -> Run:
    """Run a program to its end, with one thread for numbers."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{output[-2000:]}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def under_audit(program: Path, file: Path) -> list[str]:
    return [sys.executable, "-m", "numpy_bridge", "audit", "--json", str(file), str(program)]


def least(runs: Sequence[Run]) -> Run:
    return Run(min(run.cpu for run in runs), min(run.memory for run in runs), runs[-1].output)


def costs(rounds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each program: the least of all rounds, since other work on the machine only adds."""
    for name in NAMES:
        program = PROGRAMS / f"{name}.py"
        pairs = [
            (run([sys.executable, str(program)]), run(under_audit(program, folder / "a")))
            for _ in range(rounds)
        ]
        plain, audit = map(least, zip(*pairs, strict=True))
        yield {
            "program": name,
            "plain_seconds": plain.cpu,
            "audit_seconds": audit.cpu,
            "ratio": audit.cpu / plain.cpu,
            "conversions": sum(
                c["times"]
                for line in json.loads((folder / "a").read_text())["lines"]
                for c in line["conversions"]
            ),
            "added_mib": audit.memory - plain.memory,
        }


def table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    made = Table(*rows[0], title=title)
    for row in rows:
        made.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    return made


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        programs = list(costs(arguments.rounds, Path(folder)))
    console.print(table("CPU time under the audit", programs))
    packages = [f"{name} {version(name)}" for name in ("numpy", "torch")]
    versions = ", ".join([f"Python {platform.python_version()}", *packages])
    console.print(versions, platform.machine())
    if arguments.json:
        document = {"versions": versions, "programs": programs}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
