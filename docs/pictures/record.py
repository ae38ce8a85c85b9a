"""Records a step of the tour as a terminal shows it: `python docs/pictures/record.py [FOLDER]`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from numpy_bridge import tour
from numpy_bridge.tour.terminal import Screen

STEPS = ("torch-tensor-float64",)
COLUMNS = 100
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts of a web site


def recorded() -> str:
    """The terminal as SVG."""
    screen = Screen()
    screen.plain = False
    screen.console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    screen.show(Text(f"$ numpy-bridge tour {' '.join(STEPS)}", "bold"))
    for step in tour.select(STEPS):
        screen.show(screen.step(tour.run_step(step), tour.steps.index(step) + 1))
    return screen.console.export_svg(title="numpy-bridge tour", code_format=FORMAT, unique_id="tour")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (folder / "tour.svg").write_text(recorded() + "\n")
