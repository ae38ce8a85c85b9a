"""Draws README's first picture, what goes wrong without a bridge: `python docs/pictures/without.py [FOLDER]`.

A test looks each case up in the tables of docs/comparison.md, whose lines are executed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree


class Case(NamedTuple):
    """One conversion, what it does to the program, and what ours does."""

    given: str
    theirs: str
    then: str
    harm: str
    ours: str
    answer: str


CASES = (
    Case(
        "x = bytes(8)",
        "torch.frombuffer(x, dtype=torch.uint8)",
        "",
        "a tensor that writes into read-only memory",
        "bridge.to_torch(x)",
        "refused: read-only; copy=True copies",
    ),
    Case(
        "t = torch.ones(5)",
        "np.from_dlpack(t)",
        "t.resize_(1 << 20)",
        "the array reads freed memory",
        "bridge.to_numpy(t)",
        "the array stays: the resize is refused",
    ),
    Case(
        "x = np.ones(5)[::-1]",
        "torch.from_dlpack(x)",
        "",
        "the process ends (torch up to 2.13)",
        "bridge.to_torch(x)",
        "refused: torch has no negative strides",
    ),
)
WIDTH, CARD, GAP = 570, 112, 12
STYLE = """
.paper{fill:#fff}.card{fill:#f4f6f9}text{font:15px ui-monospace,Menlo,Consolas,monospace;fill:#1d2330}
.quiet{fill:#5a6375}.bad{fill:#a81c1c}.good{fill:#17692f}.word{font-family:system-ui,sans-serif;font-weight:600}
@media(prefers-color-scheme:dark){.paper{fill:#17191e}.card{fill:#22262e}text{fill:#e4e8ef}
.quiet{fill:#a3adbd}.bad{fill:#ff8f8f}.good{fill:#6fd08c}}
"""


def picture() -> str:
    """The cases below each other, each on a card."""
    height = len(CASES) * (CARD + GAP) + GAP
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "height": str(height)}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    ElementTree.SubElement(root, "title").text = "What three lines do without numpy-bridge, and with it"
    ElementTree.SubElement(root, "style").text = STYLE
    ElementTree.SubElement(root, "rect", {"class": "paper", "width": "100%", "height": "100%", "rx": "8"})
    for i, case in enumerate(CASES):
        _card(root, GAP + i * (CARD + GAP), case)
    return ElementTree.tostring(root, encoding="unicode")


def _card(root: ElementTree.Element, top: int, case: Case) -> None:
    box = {"x": str(GAP), "y": str(top), "width": str(WIDTH - 2 * GAP), "height": str(CARD), "rx": "6"}
    ElementTree.SubElement(root, "rect", {"class": "card", **box})
    then = f"; {case.then}" if case.then else ""
    rows = (
        (24, (("quiet", case.given),)),
        (47, (("", f"{case.theirs}{then}"),)),
        (66, (("bad word", f"✗ {case.harm}"),)),
        (95, (("", case.ours), ("good word", f"  ✓ {case.answer}"))),
    )
    for y, parts in rows:
        text = ElementTree.SubElement(root, "text", {"x": str(GAP + 14), "y": str(top + y)})
        text.set("xml:space", "preserve")
        for kind, words in parts:
            ElementTree.SubElement(text, "tspan", {"class": kind} if kind else {}).text = words


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (folder / "without.svg").write_text(picture() + "\n")
