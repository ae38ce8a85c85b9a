"""What the audit costs beside other tools, and how much of the copying each of them finds.

    python benchmarks/audit_tools.py [--programs NAME ...] [--json FILE]

Each tool is started as its users start it, one run each. Scalene and memray have to be installed.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from audit_cost import NAMES, PROGRAMS, run, table, under_audit

_COPIES = ("aten::copy_", "aten::clone", "aten::cat", "aten::stack")


def under_scalene(program: Path, file: Path) -> list[str]:
    return [sys.executable, "-m", "scalene", "run", "--memory", "--outfile", str(file), str(program)]


def under_memray(program: Path, file: Path) -> list[str]:
    return [sys.executable, "-m", "memray", "run", "--force", "--output", str(file), str(program)]


def under_profiler(program: Path, file: Path) -> list[str]:
    return [sys.executable, __file__, "--profile", str(program), "--json", str(file)]


def profile(program: Path, file: Path) -> None:
    """Run a program under torch.profiler, and write how often it has copied."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        runpy.run_path(str(program), run_name="__main__")
    file.write_text(json.dumps({e.key: e.count for e in found.key_averages() if e.key in _COPIES}))


def of_audit(file: Path, program: Path) -> str:
    lines = json.loads(file.read_text())["lines"]
    copied = [line for line in lines if any(c["outcome"] == "copied" for c in line["conversions"])]
    nbytes = sum(c["nbytes"] for line in copied for c in line["conversions"] if c["outcome"] == "copied")
    return f"{len(copied)} lines that copy {nbytes / 2**20:,.0f} MiB"


def of_scalene(file: Path, program: Path) -> str:
    files = json.loads(file.read_text()).get("files", {})
    lines = [line for each in files.values() for line in each["lines"]]
    copying = sum(bool(line.get("n_copy_mb_s")) for line in lines)
    allocating = [line["n_malloc_mb"] for line in lines if line.get("n_malloc_mb")]
    return f"{copying} lines that copy, {len(allocating)} that allocate {sum(allocating):,.0f} MiB"


def of_memray(file: Path, program: Path) -> str:
    with import_module("memray").FileReader(str(file)) as reader:
        return f"{reader.metadata.total_allocations:,} allocations"


def of_profiler(file: Path, program: Path) -> str:
    return f"{sum(json.loads(file.read_text()).values()):,} operations of torch that copy, without lines"


TOOLS: dict[str, tuple[Callable[[Path, Path], Sequence[str]], Callable[[Path, Path], str], str]] = {
    "numpy-bridge audit": (under_audit, of_audit, "numpy-bridge"),
    "Scalene": (under_scalene, of_scalene, "scalene"),
    "memray": (under_memray, of_memray, "memray"),
    "torch.profiler": (under_profiler, of_profiler, "torch"),
}


def costs(names: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each program and tool."""
    for name in names:
        program = PROGRAMS / f"{name}.py"
        plain = run([sys.executable, str(program)])
        yield {"program": name, "tool": "python", "seconds": plain.cpu, "ratio": 1.0, "mib": 0.0, "finds": ""}
        for tool, (command, finds, _) in TOOLS.items():
            file = folder / f"{name}-{tool.split()[0]}.json"  # Scalene adds the suffix if it is missing
            found = run(command(program, file))
            yield {
                "program": name,
                "tool": tool,
                "seconds": found.cpu,
                "ratio": found.cpu / plain.cpu,
                "mib": found.memory - plain.memory,
                "finds": finds(file, program),
            }


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--programs", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    parser.add_argument("--profile", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.profile:
        profile(arguments.profile, arguments.json)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(costs(arguments.programs, Path(folder)))
    Console(width=130).print(table("CPU time under each tool", rows))
    versions = ", ".join(f"{package} {version(package)}" for _, _, package in TOOLS.values())
    print(versions)
    if arguments.json:
        arguments.json.write_text(json.dumps({"versions": versions, "runs": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
