"""`numpy-bridge info`: what to look at, and to send along, when something does not work."""

from __future__ import annotations

import contextlib
import importlib
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import describe

Section = tuple[str, list[tuple[str, str]]]


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what was built and what this machine has.

    Versions, the CUDA kernels and what can run them here, or why nothing can, and the array libraries
    installed.
    """
    with contextlib.suppress(Exception):  # a torch that cannot be imported is no reason to show nothing
        importlib.import_module("torch")
    found = describe()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        console.print(_table(sections(found)))
    else:
        print(_plain(sections(found)))


def sections(found: dict[str, Any]) -> list[Section]:
    """Say in words what `describe` found: headings, each with names and what to say of them."""
    of_all = [("version", found["version"]), ("Python", found["python"]), ("platform", found["platform"])]
    of_all.append(("fast tensors", _of_fast_tensors(found["fast_tensors"])))
    return [
        ("numpy-bridge", of_all),
        ("CUDA", _of_cuda(found["cuda"])),
        ("array libraries", list(found["libraries"].items())),
    ]


def _of_fast_tensors(found: dict[str, Any]) -> str:
    state = {True: "on", False: "off", None: "unknown"}[found["on"]]
    return f"{state}: {found['reason']}" if found["reason"] else state


def _of_cuda(cuda: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("usable", f"no: {cuda['unavailable']}" if cuda["unavailable"] else "yes")]
    if cuda["toolkit"] is None:
        return rows
    rows += [
        ("kernels", f"compiled by CUDA {cuda['toolkit']} for {', '.join(cuda['architectures'])}"),
        ("driver", f"for CUDA {cuda['driver']}" if cuda["driver"] else "none"),
        ("runtime", f"CUDA {cuda['runtime']}, linked in"),
    ]
    return rows + [(f"device {device['index']}", _of_device(device)) for device in cuda["devices"]]


def _of_device(device: dict[str, Any]) -> str:
    if "unavailable" in device:
        return f"unavailable: {device['unavailable']}"
    text = (
        f"{device['name']}, compute capability {device['compute_capability']}, "
        f"{device['memory_bytes'] / 2**30:.1f} GiB, {device['multiprocessors']} multiprocessors"
    )
    return text if device["runs_kernels"] else f"{text}; not one that these kernels were compiled for"


def _plain(shown: list[Section]) -> str:
    width = max(len(name) for _, rows in shown for name, _ in rows)
    return "\n".join(
        line
        for heading, rows in shown
        for line in (heading, *(f"  {name:<{width}}  {text}" for name, text in rows))
    )


def _table(shown: list[Section]) -> Table:
    table = Table.grid(padding=(0, 2))
    for heading, rows in shown:
        table.add_row(Text(heading, "bold cyan"))
        for name, text in rows:
            table.add_row(Text(f"  {name}", "dim"), Text(text))
    return table
