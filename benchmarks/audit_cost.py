"""What the audit costs whole programs, and beside other tools what it finds.

    python benchmarks/audit_cost.py [--rounds N] [--json FILE] [--without-tools]

Every program of `audit_programs` runs under python and under `numpy-bridge audit` in turn. CPU time is that of
a process and its children, user and system. Other tools run two of the programs: pip install scalene memray.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

PROGRAMS = Path(__file__).parent / "audit_programs"
NAMES = ("training", "replay_buffer", "data_loading", "table_pipeline", "image_pipeline", "inference")
COPIES = PROGRAMS / "five_copies.py"
LINES = range(11, 16)
"""The lines of five_copies.py that copy. They copy COPIED bytes each."""
COPIED = 30 * 32_000_000

PROFILER = """
import runpy, sys
from torch.profiler import ProfilerActivity, profile
with profile(activities=[ProfilerActivity.CPU], with_stack=True, profile_memory=True) as done:
    runpy.run_path(sys.argv[1], run_name="__main__")
for each in done.events():
    if each.cpu_memory_usage > 0:
        print("EVENT", each.name, each.cpu_memory_usage, *each.stack[:1])
"""


class Run(NamedTuple):
    """CPU seconds and MiB of one run, and what it printed."""

    cpu: float
    memory: float
    output: str


class Tool(NamedTuple):
    """A command, and what its output says of the lines that copy."""

    command: Callable[[Path, Path], Sequence[str]]
    lines: Callable[[Path, str], dict[int, float]]


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


def of_audit(file: Path, _output: str) -> dict[int, float]:
    lines = json.loads(file.read_text())["lines"]
    return {
        line["line"]: sum(c["nbytes"] for c in line["conversions"] if c["outcome"] == "copied")
        for line in lines
    }


def of_scalene(file: Path, _output: str) -> dict[int, float]:
    files = json.loads(file.read_text())["files"]
    rows = [row for name, found in files.items() if name.endswith(COPIES.name) for row in found["lines"]]
    seconds = json.loads(file.read_text())["elapsed_time_sec"]
    return {row["lineno"]: row["n_copy_mb_s"] * seconds * 1e6 for row in rows if row["n_copy_mb_s"]}


def of_memray(file: Path, _output: str) -> dict[int, float]:
    from memray import FileReader

    found: dict[int, float] = {}
    for record in FileReader(file).get_allocation_records():
        frame = next((each for each in record.stack_trace() if each[1].endswith(COPIES.name)), None)
        if frame is not None and record.size > 1_000_000:
            found[frame[2]] = found.get(frame[2], 0) + record.size
    return found


def of_profiler(_file: Path, output: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for nbytes, line in re.findall(rf"EVENT \S+ (\d+) .*{COPIES.name}\((\d+)\)", output):
        found[int(line)] = found.get(int(line), 0) + int(nbytes)
    return found


TOOLS = {
    "numpy-bridge audit": Tool(under_audit, of_audit),
    "Scalene": Tool(
        lambda program, file: [sys.executable, "-m", "scalene", "run", "-o", str(file), str(program)],
        of_scalene,
    ),
    "memray": Tool(
        lambda program, file: [
            sys.executable,
            "-m",
            "memray",
            "run",
            "-q",
            "-f",
            "-o",
            str(file),
            str(program),
        ],
        of_memray,
    ),
    "torch.profiler": Tool(lambda program, _: [sys.executable, "-c", PROFILER, str(program)], of_profiler),
}


def costs(rounds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each program: medians of seconds, of what is added to memory, and of the ratios."""
    for name in NAMES:
        program = PROGRAMS / f"{name}.py"
        pairs = [
            (run([sys.executable, str(program)]), run(under_audit(program, folder / "a")))
            for _ in range(rounds)
        ]
        yield {
            "program": name,
            "plain_seconds": statistics.median(plain.cpu for plain, _ in pairs),
            "audit_seconds": statistics.median(audit.cpu for _, audit in pairs),
            "ratio": statistics.median(audit.cpu / plain.cpu for plain, audit in pairs),
            "conversions": sum(
                c["times"]
                for line in json.loads((folder / "a").read_text())["lines"]
                for c in line["conversions"]
            ),
            "added_mib": statistics.median(audit.memory - plain.memory for plain, audit in pairs),
        }


def beside_others(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each tool: how many times as long both programs take, and which lines it finds."""
    slow = PROGRAMS / "inference.py"
    plain = {program: run([sys.executable, str(program)]).cpu for program in (COPIES, slow)}
    for name, tool in TOOLS.items():
        done = {
            program: run(tool.command(program, folder / name.partition(" ")[0])) for program in (slow, COPIES)
        }
        found = tool.lines(folder / name.partition(" ")[0], done[COPIES].output)
        yield {
            "tool": name,
            "ratio_inference": done[slow].cpu / plain[slow],
            "ratio_five_copies": done[COPIES].cpu / plain[COPIES],
            "lines": sum(0.99 <= found.get(line, 0) / COPIED <= 1.01 for line in LINES),
            "bytes": sum(found.get(line, 0) for line in LINES) / (COPIED * len(LINES)),
        }


def table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    made = Table(*rows[0], title=title)
    for row in rows:
        made.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    return made


def main() -> None:
    """Print both tables, and write them as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-tools", action="store_true")
    parser.add_argument("--without-programs", action="store_true")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        programs = [] if arguments.without_programs else list(costs(arguments.rounds, Path(folder)))
        if programs:
            console.print(table("CPU time under the audit", programs))
        tools = [] if arguments.without_tools else list(beside_others(Path(folder)))
        if tools:
            console.print(table("Beside other tools", tools))
    packages = ("numpy", "torch", "scalene", "memray")[: 2 if arguments.without_tools else 4]
    versions = ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    )
    console.print(versions, platform.machine())
    if arguments.json:
        document = {"versions": versions, "programs": programs, "tools": tools}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
