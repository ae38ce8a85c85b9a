"""The installation as lines of text, plain or drawn by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .document import describe_with_torch

if TYPE_CHECKING:
    from rich.console import Console

Section = tuple[str, list[tuple[str, str]]]


def show(found: dict[str, Any], console: Console) -> None:
    """Print the result of `describe`: headings, and below them one fact per line."""
    from rich.text import Text

    shown = sections(found)
    width = _width(shown)
    for heading, rows in shown:
        console.print(Text(heading, "bold cyan"))
        for name, text in rows:
            console.print(Text.assemble((f"  {name:<{width}}  ", "dim"), text), soft_wrap=True)


def plain() -> str:
    """Return the same about this installation, where rich is missing."""
    shown = sections(describe_with_torch())
    width = _width(shown)
    return "".join(
        line
        for heading, rows in shown
        for line in (f"{heading}\n", *(f"  {name:<{width}}  {text}\n" for name, text in rows))
    )


def _width(shown: list[Section]) -> int:
    return max(len(name) for _, rows in shown for name, _ in rows)


def sections(found: dict[str, Any]) -> list[Section]:
    """Return the result of `describe` as headings, each with pairs of a name and a text."""
    of_all = [("version", found["version"]), ("Python", found["python"]), ("platform", found["platform"])]
    of_all.append(("tensors", _of_fast_tensors(found["fast_tensors"])))
    tested = (f"{name} {_range(*each)}" for name, each in found["tested"].items())
    of_all.append(("tested with", ", ".join(tested)))
    if found["newer"]:
        newer = ", ".join(f"{name} {version}" for name, version in found["newer"].items())
        of_all.append(("warning", f"newer than any that was tested: {newer}"))
    return [
        ("numpy-bridge", of_all),
        ("CUDA", _of_cuda(found["cuda"])),
        ("array libraries", list(found["libraries"].items())),
    ]


def _range(oldest: str, newest: str) -> str:
    return oldest if oldest == newest else f"{oldest} to {newest}"


def _of_fast_tensors(found: dict[str, Any]) -> str:
    state = {True: "on", False: "off", None: "unknown"}[found["on"]]
    return f"fast reading {state}" + (f": {found['reason']}" if found["reason"] else "")


def _of_cuda(cuda: dict[str, Any]) -> list[tuple[str, str]]:
    reason = cuda["unavailable"] or "yes"
    rows = [("usable", reason if reason == "yes" or reason.startswith("no ") else f"no: {reason}")]
    if cuda["toolkit"] is None:
        return rows
    rows += [
        ("kernels", f"compiled by CUDA {cuda['toolkit']} for {_capabilities(cuda['architectures'])}"),
        ("driver", f"for CUDA {cuda['driver']}" if cuda["driver"] else "none"),
        ("runtime", f"CUDA {cuda['runtime']}, linked in"),
    ]
    return rows + [(f"device {device['index']}", _of_device(device)) for device in cuda["devices"]]


def _capabilities(architectures: list[str]) -> str:
    """Return compute capabilities as NVIDIA writes them: 9.0 for "90-real"; PTX runs on all newer devices."""
    numbers = [each.partition("-")[0] for each in architectures if not each.endswith("-virtual")]
    shown = ", ".join(f"{number[:-1]}.{number[-1]}" if number.isdigit() else number for number in numbers)
    newer = " and newer" if any(each.endswith("-virtual") for each in architectures) else ""
    return f"compute capability {shown}{newer}" if numbers else ", ".join(architectures)


def _of_device(device: dict[str, Any]) -> str:
    if "unavailable" in device:
        return f"unavailable: {device['unavailable']}"
    text = (
        f"{device['name']}, compute capability {device['compute_capability']}, "
        f"{device['memory_bytes'] / 2**30:.1f} GiB, {device['multiprocessors']} multiprocessors"
    )
    return text if device["runs_kernels"] else f"{text}; not one that these kernels were compiled for"
