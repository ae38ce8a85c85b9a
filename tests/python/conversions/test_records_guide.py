"""docs/records.md is executed."""

from __future__ import annotations

import re

import pytest

from repository import ROOT

pytest.importorskip("torch", reason="the guide shares with torch")

GUIDE = ROOT / "docs/records.md"


@pytest.mark.skipif(not GUIDE.exists(), reason="the documentation is not here")
def test_code_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = GUIDE.read_text()
    scope: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code, "docs/records.md", "exec"), scope)
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", text, re.DOTALL))
