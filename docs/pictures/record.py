"""Records a step of the tour, and an audit, as a terminal shows them: `python record.py [FOLDER]`."""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from numpy_bridge import tour
from numpy_bridge.auditing.run import run
from numpy_bridge.auditing.terminal import table
from numpy_bridge.tour.terminal import Screen

STEPS = ("torch-tensor-float64",)
PROGRAM = Path(__file__).parents[2] / "examples/audit/classifier.py"
SECONDS = {"torch.tensor": 0.0035, "np.array": 0.00014}
"""What the calls took when this was measured; 0.1 ms for others. Each run takes another time."""
ELAPSED = 2.4
COLUMNS, COLUMNS_OF_AUDIT = 100, 112
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts of a web site


def recorded() -> str:
    """A step of the tour as SVG."""
    screen = Screen()
    screen.plain = False
    screen.console = _console(COLUMNS)
    screen.show(Text(f"$ numpy-bridge tour {' '.join(STEPS)}", "bold"))
    for step in tour.select(STEPS):
        screen.show(screen.step(tour.run_step(step), tour.steps.index(step) + 1))
    return screen.console.export_svg(title="numpy-bridge tour", code_format=FORMAT, unique_id="tour")


def audited() -> str:
    """The report of an audit as SVG."""
    with redirect_stdout(io.StringIO()) as printed:
        done = run([str(PROGRAM)])
    for c in done.log.conversions:
        c.seconds = SECONDS.get(c.call, 0.0001)
    done.log._started, done.log._ended = 0.0, ELAPSED
    console = _console(COLUMNS_OF_AUDIT)
    console.print(Text(f"$ numpy-bridge audit {PROGRAM.name}\n{printed.getvalue()}", "bold"))
    console.print(table(done._replace(folder=PROGRAM.parent)))
    return console.export_svg(title="numpy-bridge audit", code_format=FORMAT, unique_id="audit")


def _console(width: int) -> Console:
    """A terminal that is recorded."""
    terminal = {"force_terminal": True, "color_system": "truecolor", "highlight": False}
    return Console(record=True, width=width, file=io.StringIO(), **terminal)  # type: ignore[arg-type]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (folder / "tour.svg").write_text(recorded() + "\n")
    (folder / "audit.svg").write_text(audited() + "\n")
