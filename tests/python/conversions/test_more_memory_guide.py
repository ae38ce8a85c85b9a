"""docs/more-memory.md is executed where its libraries are installed."""

from __future__ import annotations

import re

import pytest

import numpy_bridge as bridge
from repository import ROOT

pytest.importorskip("torch", reason="the guide shares with torch")

GUIDE = (ROOT / "docs/more-memory.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))


@pytest.mark.filterwarnings("ignore")  # of other libraries
@pytest.mark.parametrize("section", SECTIONS)
def test_code_prints_what_is_shown(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
    for name in re.findall(r"^import ([\w.]+)", code, re.MULTILINE):
        pytest.importorskip(name, reason="not installed: nox -s faults")
    exec(compile(code, "docs/more-memory.md", "exec"), {})
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", SECTIONS[section], re.DOTALL))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    re.findall(
        r"`(\w+_(?:array|matrix))`", SECTIONS["Sparse matrices"].partition("lil")[0].partition("| SciPy")[2]
    ),
)
def test_the_table_of_sparse_matrices(name: str) -> None:
    sp = pytest.importorskip("scipy.sparse", reason="scipy is not installed: nox -s faults")
    x = getattr(sp, name)([[1.0, 0.0], [0.0, 2.0]])
    (row,) = (
        line
        for line in SECTIONS["Sparse matrices"].splitlines()
        if line.startswith("|") and f"`{name}`" in line
    )
    tensor = bridge.to(x, "torch", copy=None)
    assert f"`{tensor.layout}`".replace("torch.", "") in row
    assert bridge.shares_memory(
        bridge.to(tensor, like=x).data, tensor._values() if "coo" in name else tensor.values()
    )


def test_links_lead_somewhere() -> None:
    for anchor in re.findall(r"\]\(#([^)]+)\)", GUIDE):
        assert anchor in {title.lower().replace(" ", "-") for title in SECTIONS}
    for link in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / link).exists()
