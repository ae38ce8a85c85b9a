"""Writes the type stubs of the extension module: `python csrc/core/stubs.py FILE`.

pybind11-stubgen knows the names and the docstrings. `types.pyi` has what docstrings cannot say.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

TYPES = Path(__file__).with_name("types.pyi")


def generated() -> str:
    """What pybind11-stubgen writes about the installed module."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pybind11_stubgen", "numpy_bridge._core", "-o", folder], check=True
        )
        return Path(folder, "numpy_bridge/_core.pyi").read_text()


def functions(body: list[ast.stmt]) -> dict[str, list[ast.FunctionDef]]:
    """The functions of a module or class by name, with their overloads."""
    found = defaultdict(list)
    for each in body:
        if isinstance(each, ast.FunctionDef):
            found[each.name].append(each)
    return found


def classes(module: ast.Module) -> dict[str, ast.ClassDef]:
    return {each.name: each for each in module.body if isinstance(each, ast.ClassDef)}


def first_line(function: ast.FunctionDef) -> int:
    return min(function.lineno, *(each.lineno for each in function.decorator_list), sys.maxsize) - 1


class Stub:
    """A stub whose functions are replaced from the end to the start, so that line numbers stay right."""

    def __init__(self, text: str, types: str) -> None:
        self.lines, self.types = text.splitlines(), types.splitlines()
        self.edits: list[tuple[int, int, list[str]]] = []

    def replace(self, old: list[ast.stmt], new: list[ast.stmt], end: int) -> None:
        """Put the functions `new` in the place of those of the same name, or else at the line `end`."""
        present = functions(old)
        for name, typed in functions(new).items():
            known = present.get(name, [])
            docs = [self.docstring(each) for each in known]
            lines = []
            for i, each in enumerate(typed):
                signature = self.types[first_line(each) : each.end_lineno]
                # The first overload has the first docstring, the last one the last.
                doc = (
                    docs[0]
                    if docs and i == 0
                    else docs[i - len(typed)]
                    if i == len(typed) - 1 and docs[1:]
                    else []
                )
                lines += [*signature[:-1], signature[-1].removesuffix(" ..."), *doc] if doc else signature
            start = first_line(known[0]) if known else end
            stop = known[-1].end_lineno or end if known else end
            self.edits.append((start, stop, lines))

    def docstring(self, function: ast.FunctionDef) -> list[str]:
        if ast.get_docstring(function) is None:
            return []
        return self.lines[function.body[0].lineno - 1 : function.body[0].end_lineno]

    def text(self) -> str:
        for start, stop, lines in sorted(self.edits, reverse=True):
            self.lines[start:stop] = lines
        return "\n".join(self.lines) + "\n"


def stubs() -> str:
    """The stubs with the signatures of `types.pyi`."""
    stub = Stub(generated(), TYPES.read_text())
    module, typed = ast.parse("\n".join(stub.lines)), ast.parse(TYPES.read_text())
    stub.replace(module.body, typed.body, len(stub.lines))
    for name, each in classes(typed).items():
        there = classes(module)[name]
        stub.replace(there.body, each.body, there.end_lineno or 0)
    imports = [each for each in module.body if isinstance(each, ast.Import | ast.ImportFrom)]
    present = {ast.unparse(each) for each in imports}
    last = imports[-1].end_lineno or 0
    preamble = [each for each in typed.body if isinstance(each, ast.Import | ast.ImportFrom | ast.Assign)]
    added = [line for line in map(ast.unparse, preamble) if line not in present]
    stub.edits.append((last, last, added))
    return stub.text()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(stubs())
