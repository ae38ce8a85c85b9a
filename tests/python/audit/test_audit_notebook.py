"""Audits in notebooks: the cell magic, the names of cells, and how a log is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

shells = pytest.importorskip("IPython.core.interactiveshell", reason="the magic needs IPython")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the shell's own takes its place
    found = shells.InteractiveShell.instance()
    found.run_line_magic("load_ext", "numpy_bridge")
    yield found
    found.user_ns.clear()
    shells.InteractiveShell.clear_instance()


def test_a_cell_is_audited(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    shell.run_cell("1", store_history=True)
    shell.run_cell("2", store_history=True)
    cell = "%%audit\nimport numpy as np\nblock = bytearray(8)\narray = np.array(block)\n"
    assert shell.run_cell(cell, store_history=True).success
    (log,) = shown
    (found,) = log.hidden
    assert shell.execution_count == 4
    assert str(found.place) == "Cell In[3], line 4"
    assert found.place.text == "array = np.array(block)"
    assert found.advice is not None
    assert found.advice.code == "bridge.to_numpy(block)"
    assert shell.user_ns["array"].nbytes == 8
    assert shell.run_cell("array = np.array(block)").success
    assert len(log) == 1


def test_a_log_is_shown_as_html() -> None:
    with bridge.audit() as log:
        np.array(bytearray(8))  # <b>
        np.asarray(bytearray(9))
    html = log._repr_html_()
    assert "2 conversions: 8 bytes copied, 9 bytes shared; 1 hidden copy of 8 bytes" in html
    copied, _, rest = html.partition("<details>")
    assert "np.array: bytearray → numpy uint8" in copied
    assert "bridge.to_numpy(bytearray(8))" in copied
    assert "# &lt;b&gt;" in copied
    assert "np.asarray: bytearray → numpy uint8" in rest
