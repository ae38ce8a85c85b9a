"""Where a conversion was made: a line of the program, and the line of a library that it led to."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
"""The folders of installed code, as paths contain them."""


class CallSite(NamedTuple):
    """A line of a program.

    Parameters
    ----------
    file, line : str, int
        Where it is, as in a traceback.
    function : str
        The function that the line is in; "<module>" outside of all.
    through : str
        The function of a library that made the conversion for the line; empty if the line itself did.
    through_file, through_line : str, int
        Where in that function.
    """

    file: str
    line: int
    function: str
    through: str = ""
    through_file: str = ""
    through_line: int = 0

    @property
    def text(self) -> str:
        """The line itself, if its file can be read."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def library(self) -> str:
        """The line of the library, as "package/file.py:7"; empty if there is none."""
        return f"{module_path(self.through_file)}:{self.through_line}" if self.through_file else ""

    @property
    def in_library(self) -> bool:
        """Whether an installed library made the conversion: not an array library or Python's own."""
        from .judging.call_site import Code, code_of

        return code_of(self.through_file) is Code.LIBRARY

    @property
    def caller(self) -> tuple[str, int]:
        """File and line of the code that made the call: of the library if there is one."""
        return (self.through_file, self.through_line) if self.in_library else (self.file, self.line)

    def shown(self, folder: Path | None = None) -> str:
        """Return the place for a reader: with a path relative to `folder`, or as a cell of a notebook."""
        cell = cell_name(self.file)
        return f"{cell}, line {self.line}" if cell else f"{shown_path(self.file, folder)}:{self.line}"

    def title(self, folder: Path | None = None) -> str:
        """Return the name of the file alone."""
        return cell_name(self.file) or shown_path(self.file, folder)

    def __str__(self) -> str:
        return self.shown()


def shown_path(file: str, folder: Path | None) -> str:
    """Return a path relative to a folder, if it is inside."""
    path = Path(file)
    return str(path.relative_to(folder)) if folder is not None and path.is_relative_to(folder) else file


def module_path(file: str) -> str:
    """Return the path of an installed file without the folder that it is installed in."""
    for folder in INSTALLED:
        file = file.rpartition(folder)[2]
    return file


def cell_name(file: str) -> str:
    """Return the name of a notebook's cell, "Cell In[3]", for the file that IPython compiles it as."""
    find: Any = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find() if callable(find) else None
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    name = name_of(file) if name_of is not None else None
    return " ".join(name) if name else ""
