"""Runs the `numpy-bridge` command, in this process or in another one."""

from __future__ import annotations

import os
import subprocess
import sys

from typer.testing import CliRunner, Result

from numpy_bridge import cli

BOXES = "─│╭╰"
ESCAPE = "\x1b["


def invoke(*arguments: str, **environment: str | None) -> Result:
    quiet: dict[str, str | None] = {"FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm", "COLUMNS": "80"}
    return CliRunner().invoke(cli.build(), arguments, env={**quiet, **environment})


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def main_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where `module` can't be imported."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'numpy-bridge'; "
    return python("-c", code + "from numpy_bridge.cli import main; main()", *arguments)
