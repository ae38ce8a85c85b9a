"""What it costs to give one object to n readers on each of m nodes: today's way, ours, and what was measured.

    python benchmarks/cost_model.py [--measure FILE] [--mib 64]

All costs are multiples of the object's size. The sender is on one of the nodes, and its own object does not
count. What was measured is the newest file in results/, or FILE, which `--measure` writes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Cost:
    """How often the bytes of the object are somewhere: for each reader, for each node, and once."""

    reader: int = 0
    node: int = 0
    once: int = 0

    def __call__(self, readers: int, nodes: int) -> int:
        """Return the multiple of the object's size for n readers on each node."""
        return self.reader * readers * nodes + self.node * nodes + self.once

    def __str__(self) -> str:
        terms = [(self.reader, "n·m"), (self.node, "m"), (self.once, "")]
        text = " + ".join(f"{count if count > 1 or not of else ''}{of}" for count, of in terms if count > 0)
        text += "".join(f" - {-count}{of}" for count, of in terms if count < 0)
        return text or "0"


@dataclass(frozen=True)
class Way:
    """The three costs of one way to give an object to others."""

    peak: Cost
    """Memory at the most, with copies that are freed again: of each process, added."""
    sent: Cost
    """Bytes through pipes and sockets."""
    kept: Cost
    """Memory when all readers have the object."""


QUANTITIES = ("peak", "sent", "kept")
MODEL = {
    # Two copies at each end for a moment; each queue keeps its message until the next one.
    ("Queue", False): Way(Cost(reader=3, once=1), Cost(reader=1), Cost(reader=1)),
    # The block is the sender's object.
    ("Queue", True): Way(Cost(), Cost(), Cost()),
    # Pickled, and copied into the store of each node; each reader unpickles it from there, in two copies.
    ("Ray", False): Way(Cost(reader=2, node=1, once=1), Cost(node=1, once=-1), Cost(reader=1, node=1)),
    # Copied once into the store of each node, which readers map.
    ("Ray", True): Way(Cost(node=1), Cost(node=1, once=-1), Cost(node=1)),
    # Sent to each worker, by the client or by another worker.
    ("Dask", False): Way(Cost(reader=1), Cost(reader=1), Cost(reader=1)),
    # One block on each node, of values that arrive there; on the sender's, of the object.
    ("Dask", True): Way(Cost(node=2, once=-1), Cost(node=1, once=-1), Cost(node=1)),
}


def main(given: Sequence[str] | None = None) -> None:
    """Print both tables, as they are in docs/processes.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--measure", type=Path, metavar="FILE", help="measure now, and write it to this file")
    parser.add_argument("--mib", type=int, default=64, help="size of the object that is measured")
    arguments = parser.parse_args(given)
    if arguments.measure:
        from cost_points import measured

        found = measured(arguments.mib << 20)
        arguments.measure.write_text(json.dumps(found, indent=2) + "\n")
    points = json.loads((arguments.measure or newest()).read_text())["points"]
    print(model_table())
    print()
    print(measured_table(points))


def newest() -> Path:
    """Return the newest file of measured points."""
    return max(RESULTS.glob("cost_points-*.json"))


def named(library: str, ours: bool) -> str:
    """Return the name of a way."""
    return f"{library}, {'ours' if ours else 'today'}"


def model_table() -> str:
    """Return the formulas."""
    rows = [
        [named(*way), *(str(getattr(costs, each)) for each in QUANTITIES)] for way, costs in MODEL.items()
    ]
    return markdown(["way", "memory at the peak", "sent", "memory kept"], rows)


def measured_table(points: list[dict[str, Any]]) -> str:
    """Return what the model says for each point, beside what was measured."""
    rows = []
    for point in points:
        costs, size = MODEL[point["library"], point["ours"]], point["size"]
        layout = point["readers"], point["nodes"]
        cells = [f"{getattr(costs, each)(*layout)} / {point[each] / size:.2f}" for each in QUANTITIES]
        rows.append([named(point["library"], point["ours"]), *map(str, layout), *cells])
    heads = ["way", "n", "m", "peak: model / measured", "sent: model / measured", "kept: model / measured"]
    return markdown(heads, rows)


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table whose columns after the first are numbers."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


if __name__ == "__main__":
    main()
