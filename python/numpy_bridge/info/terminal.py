"""The installation as lines of text, drawn by rich."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

Section = tuple[str, list[tuple[str, str]]]


def show(found: dict[str, Any], console: Console) -> None:
    """Print the result of `describe`: headings, and below them one fact per line."""
    shown = sections(found)
    width = max(len(name) for _, rows in shown for name, _ in rows)
    for heading, rows in shown:
        console.print(Text(heading, "bold cyan"))
        for name, text in rows:
            console.print(Text.assemble((f"  {name:<{width}}  ", "dim"), text), soft_wrap=True)


def sections(found: dict[str, Any]) -> list[Section]:
    """Return the result of `describe` as headings, each with pairs of a name and a text."""
    of_all = [("version", found["version"]), ("Python", found["python"]), ("platform", found["platform"])]
    of_all.append(("tensors", _of_fast_tensors(found["fast_tensors"])))
    of_all.append(("tested with", ", ".join(f"{n} {a} to {b}" for n, (a, b) in found["tested"].items())))
    if found["newer"]:
        newer = ", ".join(f"{name} {version}" for name, version in found["newer"].items())
        of_all.append(("warning", f"newer than any that was tested: {newer}"))
    return [
        ("numpy-bridge", of_all),
        ("CUDA", _of_cuda(found["cuda"])),
        ("array libraries", list(found["libraries"].items())),
    ]


def _of_fast_tensors(found: dict[str, Any]) -> str:
    state = {True: "on", False: "off", None: "unknown"}[found["on"]]
    return f"fast reading {state}" + (f": {found['reason']}" if found["reason"] else "")


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
