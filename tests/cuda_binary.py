"""Look at the machine code of the kernels, as `cuobjdump` disassembles it. Needs no GPU.

    python tests/cuda_binary.py [--table FILE] CUOBJDUMP _CUDA_MODULE

For each architecture that the module says it was compiled for all kernels must be there. None may move
registers to local memory and back, which costs bandwidth. Each must have as many bytes in flight as
`IN_FLIGHT` says: those that a thread has asked memory for before it needs the first of them.
Exit status: 0 if that holds, 1 if not, with a line for each thing that is wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The least bytes in flight of kernels whose names match; the first match counts. A multiprocessor of an H200
# runs 1,000 to 2,000 threads. Memory is busy while some 25,000 bytes are in flight there, read and written.
IN_FLIGHT = {
    r"add_rows<": 128,
    r"add_strided<(uint8|b?float16|complex<float16>)>": 16,  # 32 where loads and conversions are not mixed
    r"add_strided<": 32,
    r"move_strided<uint8>": 8,
    r"move_strided<": 16,
    r"move_transposed<tile<uint8, 1u>": 6,  # a predicate register for each load, of which there are seven
    r"move_transposed<tile<uint16, 1u>": 12,
    r"move_transposed<tile<bits128": 48,
    r"move_transposed<": 16,
    r"cast_rows<\w+64, (boolean|u?int8)>": 4,  # the rest of the traffic is written
    r"cast_rows<\w+, (boolean|u?int8|float8_\w+)>": 8,
    r"cast_rows<\w+64, \w+>": 8,
    r"cast_rows<": 16,
    r"cast_strided<\w+, (boolean|u?int8|float8_\w+)>": 4,
    r"cast_strided<": 8,
    r"cast_any": 16,
}
TYPES = {
    **{"unsigned char": "uint8", "signed char": "int8", "unsigned short": "uint16", "short": "int16"},
    **{"unsigned int": "uint32", "int": "int32", "unsigned long": "uint64", "long": "int64"},
    **{"float": "float32", "double": "float64"},
}
INSTRUCTION = re.compile(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][^;]*?)\s*;")
LOAD = re.compile(r"LDG\.E(\S*) R(\d+), ")
REGISTERS = re.compile(r"(?<![A-Z])R(\d+)")
WIDTHS = {".128": 16, ".64": 8, ".U16": 2, ".S16": 2, ".U8": 1, ".S8": 1}


@dataclass
class Kernel:
    """One kernel for one architecture, and what its instructions do."""

    architecture: str
    name: str
    code: list[str] = field(repr=False)

    @property
    def instructions(self) -> int:
        """How many there are, without padding."""
        return sum(not text.startswith("NOP") for text in self.code)

    @property
    def spills(self) -> int:
        """How often a register is moved to local memory or back."""
        return sum(text.startswith(("LDL", "STL")) for text in self.code)

    @property
    def in_flight(self) -> int:
        """The most bytes that are loaded before the first of them is used, in the order of the code."""
        loads = [(at, width, _first_use(self.code, at, registers)) for at, width, registers in self._loads()]
        return max((sum(w for begin, w, end in loads if begin <= at < end) for at, _, _ in loads), default=0)

    def _loads(self) -> Iterator[tuple[int, int, set[int]]]:
        for at, text in enumerate(self.code):
            if found := LOAD.match(text):
                width = next((width for suffix, width in WIDTHS.items() if suffix in found[1]), 4)
                first = int(found[2])
                yield at, width, set(range(first, first + max(width // 4, 1)))


def _first_use(code: list[str], load: int, registers: set[int]) -> int:
    """Where one of the registers is read after an instruction."""
    for at in range(load + 1, len(code)):
        operation, _, operands = code[at].partition(" ")
        stores = operation.startswith(("ST", "RED", "EXIT", "BRA"))
        read = operands if stores else operands.partition(",")[2]  # the first one is written
        used = {int(number) for number in REGISTERS.findall(read)}
        if operation.startswith("STG") and (data := REGISTERS.findall(read)):
            width = next((width for suffix, width in WIDTHS.items() if suffix in operation), 4)
            used |= set(range(int(data[-1]), int(data[-1]) + max(width // 4, 1)))
        if used & registers:
            return at
    return len(code)


def readable(demangled: str) -> str:
    """`add_rows<float32>` for what `c++filt` makes of that kernel's name."""
    text = demangled.replace("(anonymous namespace)::", "").replace("(unsigned int)", "")
    text = re.sub(r"\w+::", "", text)
    text = text.removeprefix("void ").partition("(")[0].replace("_kernel", "").replace("> >", ">>")
    return re.sub("|".join(rf"\b{name}\b" for name in TYPES), lambda found: TYPES[found[0]], text)


def read(lines: Iterable[str]) -> Iterator[Kernel]:
    """The kernels in what `cuobjdump --dump-sass` prints."""
    architecture, kernel = "", None
    for line in lines:
        if found := re.match(r"\s*(?:arch = |code for )sm_(\w+)", line):
            architecture = found[1]
        elif found := re.match(r"\s*Function : (.+)", line):
            if kernel is not None:
                yield kernel
            kernel = Kernel(architecture, readable(found[1]), [])
        elif kernel is not None and (found := INSTRUCTION.match(line)):
            kernel.code.append(found[1])
    if kernel is not None:
        yield kernel


def least_in_flight(name: str) -> int:
    """What `IN_FLIGHT` asks of a kernel."""
    return next((least for pattern, least in IN_FLIGHT.items() if re.match(pattern, name)), 0)


def problems(kernels: Iterable[Kernel], architectures: Iterable[str]) -> list[str]:
    """What is wrong, a line each."""
    by_architecture: dict[str, dict[str, Kernel]] = {}
    for kernel in kernels:
        by_architecture.setdefault(kernel.architecture, {})[kernel.name] = kernel
    everywhere = {name for found in by_architecture.values() for name in found}
    wrong = [
        f"no kernel matches {pattern}"
        for pattern in IN_FLIGHT
        if not any(re.match(pattern, name) for name in everywhere)
    ]
    for architecture in architectures:
        found = by_architecture.get(architecture, {})
        wrong += [f"sm_{architecture}: {name} is missing" for name in sorted(everywhere - found.keys())]
        if not found:
            wrong.append(f"sm_{architecture}: there are no kernels")
        for name, kernel in found.items():
            if kernel.spills:
                wrong.append(f"sm_{architecture}: {name} spills registers, {kernel.spills} times")
            if kernel.in_flight < (least := least_in_flight(name)):
                wrong.append(
                    f"sm_{architecture}: {name} has {kernel.in_flight} bytes in flight, less than {least}"
                )
    return wrong


def registers(lines: Iterable[str]) -> dict[tuple[str, str], int]:
    """Those of a thread, by architecture and kernel, in what `cuobjdump --dump-resource-usage` prints."""
    found, architecture, name = {}, "", ""
    for line in lines:
        if match := re.match(r"arch = sm_(\w+)", line.strip()):
            architecture = match[1]
        elif match := re.match(r"Function (.+):$", line.strip()):
            name = readable(match[1])
        elif match := re.match(r"REG:(\d+)", line.strip()):
            found[architecture, name] = int(match[1])
    return found


def claimed(module: str) -> list[str]:
    """The architectures that the module was compiled to machine code for, in its own words."""
    spec = importlib.util.spec_from_file_location("_cuda", module)
    if spec is None or spec.loader is None:
        raise ImportError(f"{module} is no extension module")
    built = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    found = built.info()["architectures"]
    return [text.removesuffix("-real") for text in found if not text.endswith("-virtual")]


def table(kernels: Iterable[Kernel], used: dict[tuple[str, str], int]) -> list[dict[str, str | int]]:
    """A row for each kernel, for `json.dumps`."""
    return [
        {
            "architecture": kernel.architecture,
            "kernel": kernel.name,
            "instructions": kernel.instructions,
            "registers": used.get((kernel.architecture, kernel.name), 0),
            "bytes_in_flight": kernel.in_flight,
        }
        for kernel in sorted(kernels, key=lambda kernel: (kernel.architecture, kernel.name))
    ]


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cuobjdump", help="the program")
    parser.add_argument("module", help="the extension module _cuda")
    parser.add_argument("--table", type=Path, help="a JSON file to write, with a row for each kernel")
    arguments = parser.parse_args()

    def dump(what: str) -> list[str]:
        command = [arguments.cuobjdump, f"--dump-{what}", arguments.module]
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        named = subprocess.run(["c++filt"], input=printed, stdout=subprocess.PIPE, check=True).stdout
        return named.decode().splitlines()

    architectures = claimed(arguments.module)
    kernels = list(read(dump("sass")))
    wrong = problems(kernels, architectures)
    if arguments.table:
        rows = table(kernels, registers(dump("resource-usage")))
        arguments.table.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(kernels)} kernels for {', '.join(architectures)}")
    print("\n".join(wrong) if wrong else "all have enough bytes in flight, and no registers are spilled")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
