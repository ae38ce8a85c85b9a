"""docs/architecture.md: every folder and header is listed, what is named exists, and the walks are right."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import numpy_bridge as bridge
from repository import ROOT
from support import run_python

TEXT = (ROOT / "docs/architecture.md").read_text()
ROOMS = ("csrc", "python", "tests", "docs", "benchmarks", "cmake", "examples")
LONGEST_PARAGRAPH = 80  # words
PACKAGE = Path(bridge.__file__).parent


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def is_source(folder: Path) -> bool:
    """Whether a folder is of the repository, rather than made by a build or a test run."""
    parts = folder.relative_to(ROOT).parts
    made = {"build", "dist", "__pycache__"}
    return not any(part in made or part.startswith(".") or part.endswith(".egg-info") for part in parts)


def test_every_folder_is_listed_once() -> None:
    listed = re.findall(r"^\| `([\w/-]+)/` \|", section("The tree"), re.MULTILINE)
    corpora = {f"tests/fuzz/corpus/{folder.name}" for folder in (ROOT / "tests/fuzz/corpus").iterdir()}
    found = {
        str(folder.relative_to(ROOT))
        for room in ROOMS
        for folder in (ROOT / room, *(ROOT / room).rglob("*"))
        if folder.is_dir() and is_source(folder)
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == found - corpora


SOURCES = [
    f"/{path.relative_to(ROOT)}"
    for room in (*ROOMS, "")
    for path in ((ROOT / room).rglob("*.*") if room else ROOT.glob("*.*"))
    if is_source(path)
]


NAMES = sorted(
    set(re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|hpp|cpp|md|json))`", TEXT))
    | set(
        re.findall(r"`((?:core|engine|arguments|libraries|protocols|install|judging|explanation)/\w+)`", TEXT)
    )
)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    endings = (".py", ".hpp", ".cpp") if "." not in name else ("",)
    assert any(path.endswith(f"/{name}{ending}") for path in SOURCES for ending in endings)


def test_every_public_header_is_listed() -> None:
    tree = section("The tree")
    for header in (ROOT / "csrc/include/numpy_bridge").rglob("*.hpp"):
        folder = header.parent.relative_to(ROOT)
        (row,) = re.findall(rf"^\| `{folder}/` \| (.*) \|$", tree, re.MULTILINE)
        assert f"`{header.stem}`" in row


@pytest.mark.parametrize("title", re.findall(r"^## (.+)$", TEXT, re.MULTILINE)[1:])
def test_every_section_is_in_the_contents(title: str) -> None:
    anchor = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
    assert f"(#{anchor})" in TEXT.partition("\n## ")[0] + "(#the-tree)(#words)"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_links_lead_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    assert (ROOT / "docs" / path).exists()
    titles = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert not anchor or anchor in anchors


def test_paragraphs_are_short() -> None:
    for paragraph in re.split(r"\n\s*\n|\n(?=[-\d|])", TEXT):
        if not paragraph.startswith("|"):
            assert len(paragraph.split()) <= LONGEST_PARAGRAPH, paragraph


class Entries:
    """Counts how often each file of the package is entered, that is called from another file."""

    def __init__(self) -> None:
        self.of_file: Counter[str] = Counter()
        self._files: list[str] = []
        self._frames: set[FrameType] = set()  # a generator that goes on is not entered again

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "return" and self._files:
            self._files.pop()
        if event != "call":
            return
        caller = self._files[-1] if self._files else ""
        path = Path(frame.f_code.co_filename)
        file = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else caller
        if file != caller and frame not in self._frames:
            self.of_file[file] += 1
        self._frames.add(frame)
        self._files.append(file)


def entries_of_explain(make: str) -> Counter[str]:
    names: dict[str, object] = {"np": np, "torch": sys.modules.get("torch")}
    x = eval(make, names)
    bridge.explain(x)  # imports what is imported once
    entries = Entries()
    sys.setprofile(entries)
    try:
        bridge.explain(x)
    finally:
        sys.setprofile(None)
    return entries.of_file


def assert_entered_at_most_twice(of_file: Counter[str]) -> None:
    walk = section("Four walks").partition("### `explain(x)`\n")[2].partition("\n### ")[0]
    assert of_file["explanation/run.py"]
    for file, times in of_file.items():
        if file.startswith("explanation/") or file == "unwatched.py":
            assert times <= 2, file
        if file.startswith("explanation/") and not file.endswith("__init__.py"):
            assert f"`{file.removesuffix('.py')}`" in walk


@pytest.mark.parametrize("make", ["np.ones((5, 2))", "np.ones(5)[::-1]", "torch.ones(3)"])
def test_explain_enters_each_file_at_most_twice(make: str) -> None:
    if "torch" in make:
        pytest.importorskip("torch", reason="makes a tensor")
    assert_entered_at_most_twice(entries_of_explain(make))


@pytest.mark.parametrize("make", ["np.ones((5, 2))", "np.ones(5)[::-1]"])
def test_and_without_torch(make: str) -> None:
    run_python(f"""
import sys
sys.modules["torch"] = None
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]}
import test_architecture as here
here.assert_entered_at_most_twice(here.entries_of_explain({make!r}))
""")


def test_an_audited_call_enters_each_file_at_most_twice() -> None:
    torch = pytest.importorskip("torch", reason="calls torch")
    array, entries = np.ones(3), Entries()
    with bridge.audit() as log:
        torch.as_tensor(array, dtype=torch.float32)
        sys.setprofile(entries)
        try:
            torch.as_tensor(array, dtype=torch.float32)
        finally:
            sys.setprofile(None)
    assert len(log) == 2
    walk = section("Four walks").partition("### One audited call\n")[2]
    for file, times in entries.of_file.items():
        if file.startswith("auditing/") and not file.endswith("forbid.py"):
            assert times <= 2, file
            name = file.removeprefix("auditing/").removesuffix(".py")
            assert f"`{name}`" in walk
