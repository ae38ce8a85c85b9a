"""README's code runs and prints what README shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1].joinpath("README.md").read_text()


def test_readme(capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(code, scope)
    assert [capsys.readouterr().out] == re.findall(r"```text\n(.*?)```", README, re.DOTALL)
