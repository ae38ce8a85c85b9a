"""Draws the memory maps of docs/explain.md: `python docs/pictures/draw.py [FOLDER]`.

The memory is made up, so that addresses are the same on every machine; nothing reads it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy_bridge as bridge

START = 0x7F0000001000
ROW = 48


def matrix(first_row: int, rows: int, first_column: int, columns: int, step: int = 1) -> bridge.View:
    """Part of a float32 matrix of twelve columns."""
    start = START + first_row * ROW + 4 * first_column
    return bridge.from_pointer(start, (rows, columns), "float32", strides=(ROW, 4 * step))


def channel(index: int) -> bridge.View:
    """One of three channels of an image of 480 rows and 640 columns."""
    return bridge.from_pointer(START + index, (480, 640), "uint8", strides=(1920, 3))


def pictures() -> dict[str, str]:
    """The SVG of each picture, by name."""
    ten = bridge.from_pointer(START, (10 << 28,), "float32")
    later = bridge.from_pointer(START + (6 << 30), (10 << 28,), "float32")
    return {
        "overlap": bridge.explain(matrix(1, 4, 2, 7), matrix(3, 5, 6, 6)).svg,
        "interleaved": bridge.explain(channel(0), channel(1)).svg,
        "large": bridge.explain(ten, later).svg,
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, svg in pictures().items():
        (folder / f"{name}.svg").write_text(svg + "\n")
