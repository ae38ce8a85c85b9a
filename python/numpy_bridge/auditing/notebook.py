"""Audits in notebooks: the cell magic ``%%audit``, and how a log is shown."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy_bridge.page.markup import Markup

    from .model import AuditLog, Conversion

_STYLE = """\
.numpy-bridge-audit td,.numpy-bridge-audit th{text-align:left!important;vertical-align:top;
background:none!important;color:inherit;padding:.2em .8em .2em 0;border-bottom:1px solid #8884;
overflow-wrap:anywhere}
.numpy-bridge-audit table{border-collapse:collapse}
.numpy-bridge-audit td:first-child{white-space:nowrap}"""


def load_ipython_extension(shell: Any) -> None:
    """Add the cell magic ``%%audit``: IPython calls this for ``%load_ext numpy_bridge``."""

    def audit_cell(line: str, cell: str) -> None:
        """Run the cell, and show where it passed memory between array libraries."""
        from . import audit

        following = shell.execution_count
        shell.execution_count = len(shell.user_ns["In"]) - 1  # of the cell that runs, not the next one
        try:
            with audit() as log:
                shell.run_cell(f"# %%audit {line}\n{cell}")  # so that lines have their numbers
        finally:
            shell.execution_count = following
        importlib.import_module("IPython.display").display(log)

    shell.register_magic_function(audit_cell, "cell", "audit")


def to_html(log: AuditLog) -> str:
    """Return one element with its own style: hidden copies, and everything else folded."""
    from numpy_bridge.page.markup import Markup

    from .totals import condition, totals, transfers

    shown, others = (
        [*log.hidden, *log.transfers],
        [c for c in log.conversions if not (c.hidden or c.transfer)],
    )
    parts = [Markup("<p><b>{}</b></p>").format(totals(log))]
    if shown:
        parts.append(_table(shown))
    for said in filter(None, (condition(shown), transfers(log))):
        parts.append(Markup("<p>{}</p>").format(said))
    if others:
        rest = Markup("<details><summary>Everything else</summary>{}</details>")
        parts.append(rest.format(_table(others)))
    whole = Markup('<style>{}</style><div class="numpy-bridge-audit">{}</div>')
    return whole.format(Markup(_STYLE), Markup("").join(parts))


def _table(conversions: Iterable[Conversion]) -> Markup:
    from numpy_bridge.page.markup import Markup
    from numpy_bridge.units import size

    from .totals import heaviest_first

    heads = Markup("").join(map(Markup("<th>{}</th>").format, _HEADINGS))
    rows = (
        (size(c.nbytes), str(c.place), c.place.text, f"{c.call}: {c.source} → {c.result}", c.why, _use(c))
        for c in heaviest_first(conversions)
    )
    cells = (Markup("").join(map(Markup("<td>{}</td>").format, row)) for row in rows)
    body = Markup("").join(map(Markup("<tr>{}</tr>").format, cells))
    return Markup("<table><tr>{}</tr>{}</table>").format(heads, body)


_HEADINGS = ("bytes", "line", "", "what", "why", "use instead")


def _use(c: Conversion) -> str:
    return c.instead if c.hidden or c.faster or c.transfer else ""
