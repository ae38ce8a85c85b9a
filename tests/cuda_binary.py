"""Look at the machine code of the kernels, as `cuobjdump` disassembles it. Needs no GPU.

    python tests/cuda_binary.py CUOBJDUMP _CUDA_MODULE

For each architecture that the module says it was compiled for all kernels must be there. None may move
registers to local memory and back, which costs bandwidth. Those that add packed memory must load and store 16
bytes at a time, and those that convert it do one of the two: one type is narrower and may be moved in less.
Exit status: 0 if that holds, 1 if not, with a line for each thing that is wrong.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WIDE = {"add_packed_kernel": 2, "cast_packed_kernel": 1}  # of loads and stores, how many have to be
LOAD = re.compile(r"\bLDG\.E(\.\w+)*\.128\b")
STORE = re.compile(r"\bSTG\.E(\.\w+)*\.128\b")
SPILL = re.compile(r"\b(LDL|STL)\b")


@dataclass
class Kernel:
    """One kernel for one architecture, by its mangled name, and what its instructions do."""

    architecture: str
    name: str
    loads: int = 0
    stores: int = 0
    spills: int = 0

    @property
    def wide(self) -> int:
        """Of loads and stores, how many are of 16 bytes."""
        return bool(self.loads) + bool(self.stores)


def read(lines: Iterable[str]) -> Iterator[Kernel]:
    """The kernels in what `cuobjdump --dump-sass` prints."""
    architecture, kernel = "", None
    for line in lines:
        if found := re.match(r"\s*arch = sm_(\w+)", line):
            architecture = found[1]
        elif found := re.match(r"\s*Function : (\S+)", line):
            if kernel is not None:
                yield kernel
            kernel = Kernel(architecture, found[1])
        elif kernel is not None:
            kernel.loads += bool(LOAD.search(line))
            kernel.stores += bool(STORE.search(line))
            kernel.spills += bool(SPILL.search(line))
    if kernel is not None:
        yield kernel


def problems(kernels: Iterable[Kernel], architectures: Iterable[str]) -> list[str]:
    """What is wrong, a line each."""
    by_architecture: dict[str, dict[str, Kernel]] = {}
    for kernel in kernels:
        by_architecture.setdefault(kernel.architecture, {})[kernel.name] = kernel
    everywhere = {name for found in by_architecture.values() for name in found}
    wrong = [f"no kernel is called {called}" for called in WIDE if called not in " ".join(everywhere)]
    for architecture in architectures:
        found = by_architecture.get(architecture, {})
        wrong += [f"sm_{architecture}: {name} is missing" for name in sorted(everywhere - found.keys())]
        if not found:
            wrong.append(f"sm_{architecture}: there are no kernels")
        for name, kernel in found.items():
            if kernel.spills:
                wrong.append(f"sm_{architecture}: {name} spills registers, {kernel.spills} times")
            if any(called in name and kernel.wide < needed for called, needed in WIDE.items()):
                wrong.append(f"sm_{architecture}: {name} does not access 16 bytes at a time")
    return wrong


def claimed(module: str) -> list[str]:
    """The architectures that the module was compiled to machine code for, in its own words."""
    spec = importlib.util.spec_from_file_location("_cuda", module)
    if spec is None or spec.loader is None:
        raise ImportError(f"{module} is no extension module")
    built = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    found = built.info()["architectures"]
    return [text.removesuffix("-real") for text in found if not text.endswith("-virtual")]


def main(cuobjdump: str, module: str) -> int:
    """Print what was found."""
    architectures = claimed(module)
    command = [cuobjdump, "--dump-sass", module]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    kernels = list(read(printed.splitlines()))
    wrong = problems(kernels, architectures)
    wide = sum(bool(kernel.wide) for kernel in kernels)
    print(f"{len(kernels)} kernels for {', '.join(architectures)}, {wide} with accesses of 16 bytes")
    print("\n".join(wrong) if wrong else "no registers are spilled")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
