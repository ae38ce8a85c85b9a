"""README and the pages of its tables are executed: code, tables, signatures, numbers, links."""

import array
import ast
import importlib.util
import inspect
import io
import itertools
import json
import multiprocessing
import re
import statistics
import subprocess
import sys
from multiprocessing import shared_memory
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import numpy_bridge as bridge
from repository import ROOT

torch = pytest.importorskip("torch", reason="README's tables compare with torch")

PAGES = {
    name: (ROOT / name).read_text()
    for name in (
        *("README.md", "docs/comparison.md", "docs/speed.md", "docs/troubleshooting.md"),
        *("docs/calls.md", "docs/tutorial.md", "docs/how-to.md", "docs/index.md"),
    )
}
README = PAGES["README.md"]


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def tables(heading: str) -> list[list[list[str]]]:
    """The cells of the tables with this first heading, of all pages."""
    found = []
    for page in PAGES.values():
        lines = page.splitlines()
        for start in (i for i, line in enumerate(lines) if line.startswith(f"| {heading} |")):
            rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
            found.append([[cell.strip() for cell in row.strip("|").split("|")] for row in rows])
    return found


def rows_of(heading: str) -> list[list[str]]:
    """Each row of these tables once."""
    rows = [row for table in tables(heading) for row in table]
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def table(heading: str) -> list[list[str]]:
    """The only table with this first heading."""
    (rows,) = tables(heading)
    return rows


def names() -> dict[str, object]:
    return {"np": np, "torch": torch, "bridge": bridge, "array": array, "multiprocessing": multiprocessing}


def values(x: object) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        return x.detach().resolve_neg().to(torch.float64).numpy()
    return np.array(np.frombuffer(x, np.uint8) if isinstance(x, bytes) else np.asarray(x), np.float64)


def classify(setup: str, expression: str) -> str:
    """What a conversion does, found by writing through its result."""
    scope = names()
    exec(setup, scope)
    try:
        result = eval(expression, scope)
    except (TypeError, ValueError, RuntimeError, BufferError):
        return "refuses"
    source = scope["x"]
    if not np.array_equal(values(source), values(result)):
        return "wrong"
    with np.errstate(all="ignore"):
        target = result.detach() if isinstance(result, torch.Tensor) else result
        target[0] = 7
    if values(source)[0] != 7:
        return "copies"
    return "wrong" if isinstance(source, bytes) else "shares"


def crashes(setup: str, expression: str) -> bool:
    """Whether a conversion ends a process."""
    code = f"import numpy as np, torch; import numpy_bridge as bridge; {setup}; {expression}"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    return done.returncode < 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "row", rows_of("you have"), ids=lambda row: f"{row[0]} {row[1]} {row[3]}".replace("`", "")
)
def test_who_shares_who_copies_who_refuses(row):
    setup, theirs, their_result, ours, our_result = (cell.strip("`") for cell in row)
    if their_result == "crashes":
        assert crashes(setup, theirs)
    else:
        assert classify(setup, theirs) == their_result
    assert classify(setup, ours) == our_result


def pointer(x: object) -> int:
    if isinstance(x, torch.Tensor):
        return x.data_ptr()
    return np.frombuffer(x, np.uint8).ctypes.data if isinstance(x, bytearray) else x.ctypes.data


def afterwards(expression: str, then: str) -> str:
    """Whether a block survives what is done to its owner after it was shared."""
    scope = names() | {"t": torch.full((1 << 16,), 7.0), "b": bytearray(b"\7" * 64)}
    shared = eval(expression, scope)
    owner = scope["b" if "(b" in expression else "t"]
    before = pointer(owner)
    try:
        exec(then, scope)
    except (RuntimeError, BufferError):
        assert pointer(owner) == before
        assert np.all(np.asarray(shared)[:64] == 7)
        return "refused"
    if pointer(owner) == before:
        return "unchanged"
    alive = bridge.shares_memory(shared, shared) and _holds_owner(shared)
    return "alive" if alive and np.all(np.asarray(shared)[:64] == 7) else "dangles"


def _holds_owner(shared: object) -> bool:
    """Only our arrays hold the storage itself; a DLPack capsule of torch's holds the re-pointed tensor."""
    base = getattr(shared, "base", None)
    return isinstance(base[0] if isinstance(base, tuple) else base, (torch.UntypedStorage, torch.Tensor))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", rows_of("you share"), ids=lambda row: f"{row[0]} {row[1]}".replace("`", ""))
def test_what_happens_afterwards(row):
    theirs, ours = (expression.strip("` ") for expression in row[0].split(" / "))
    then = row[1].strip("`")
    assert afterwards(theirs, then) == row[2]
    assert afterwards(ours, then) == row[3]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "page", ["README.md", "docs/troubleshooting.md", "docs/tutorial.md", "docs/how-to.md", "docs/index.md"]
)
def test_code_runs_and_prints_what_is_shown(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Later blocks go on with the names of earlier ones."""
    scope: dict[str, object] = {}
    for code in blocks("python", PAGES[page]):
        exec(compile(code, page, "exec"), scope)
    assert capsys.readouterr().out == "".join(blocks("text", PAGES[page]))


def test_troubleshooting_has_the_messages_as_headings() -> None:
    """Word for word, so that a search finds them."""
    page = PAGES["docs/troubleshooting.md"]
    messages = [" ".join(text.split()) for text in blocks("text", page)]
    headings = re.findall(r"^## \w+: (.+)$", page, re.MULTILINE)
    assert len(headings) == len(messages) == 5
    for heading, message in zip(headings, messages, strict=True):
        assert message.startswith(heading)


def test_troubleshooting_has_the_messages_of_other_owners() -> None:
    page = PAGES["docs/troubleshooting.md"]
    numbers = array.array("d", [1])
    segment = shared_memory.SharedMemory(create=True, size=8)
    stream = io.BytesIO(bytes(8))
    kept = [bridge.view(numbers), bridge.view(segment.buf), bridge.view(stream.getbuffer())]
    for lock, message in (
        (lambda: numbers.append(2), "cannot resize an array that is exporting buffers"),
        (segment.close, "memoryview has 1 exported buffer"),
        (lambda: stream.write(bytes(9)), "Existing exports of data: object cannot be re-sized"),
    ):
        with pytest.raises(BufferError, match=re.escape(message)):
            lock()
        assert message in page
    kept.clear()
    segment.close()
    segment.unlink()


def test_cpp_code_is_the_guides_which_is_compiled() -> None:
    guide = (ROOT / "docs/cpp.md").read_text()
    assert len(blocks("cpp")) == 1
    assert blocks("cpp")[0] in guide


def test_the_refusal_of_the_cpp_example_is_the_guides() -> None:
    guide = (ROOT / "docs/cpp.md").read_text()
    (quoted,) = re.findall(r"\*(x: expected .*?)\*", README, re.DOTALL)
    assert quoted.replace("\n", " ") in guide


def test_numbers_of_calls_are_the_measured_ones() -> None:
    (newest,) = (ROOT / "benchmarks/results").glob("cpp_call-*.json")
    rows = next(iter(json.loads(newest.read_text())["tables"].values()))
    measured = {(row["what"], row["theirs"].partition(",")[0]): row for row in rows}
    for what, ours, *theirs in table("three arguments"):
        for peer, text in zip(("nanobind", "tvm-ffi", "py::array_t"), theirs, strict=True):
            if text:
                row = measured[what.replace("`", ""), peer]
                assert ours == f"{row['our_cost']:.0f} ns"
                assert text.startswith(f"{row['their_cost']:.0f} ns")


def test_numbers_of_conversions_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("conversions-*.json"))
    measured = {row["what"]: row for row in json.loads(newest.read_text())["rows"]}
    rows = rows_of("ours")
    assert len(rows) == 6
    for ours, theirs, *numbers in rows:
        row = measured[f"{ours}  |  {theirs}".replace("`", "")]
        assert numbers == [f"{row['ours']:.0f} ns", f"{row['theirs']:.0f} ns", f"{row['ratio']:.2f}"]


def test_numbers_of_operations_in_place_are_the_measured_ones() -> None:
    newest = max((ROOT / "benchmarks/results").glob("cpu_kernels-*.json"))
    rows = json.loads(newest.read_text())["rows"]
    assert len(table("in place")) == 3
    for operation, beside, *numbers in table("in place"):
        ratios = [
            row["ratio"]
            for row in rows
            if row["what"].startswith(operation.strip("`")) and row["beside"] == beside
        ]
        quartile = f"{statistics.quantiles(ratios, n=4)[0]:.2f}"
        assert numbers == [str(len(ratios)), f"{statistics.median(ratios):.2f}", quartile]


def parameters(signature: str) -> list[str]:
    """Names, defaults and marks: "a: object, *, b: bool = False" becomes ["a", "*", "b=False"]."""
    parsed = ast.parse(f"def f({signature}): pass").body[0]
    assert isinstance(parsed, ast.FunctionDef)
    given = parsed.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        argument.annotation = None
    return ast.unparse(given).split(", ")


def test_signatures_are_the_real_ones() -> None:
    calls = re.findall(r"`([a-z0-9_]+)\((.*?)\)`", "".join(row[0] for row in table("call")))
    public = {name for name in bridge.__all__ if inspect.isroutine(getattr(bridge, name))}
    assert {name for name, _ in calls} == public | {"audit", "no_copies"}
    for name, written in calls:
        function = getattr(bridge, name)
        if name in ("explain", "audit", "no_copies"):  # overloads, and blocks
            continue
        shown = re.match(rf"{name}\((.*)\) ->", function.__doc__)
        real = shown[1] if shown else str(inspect.signature(function)).rpartition(" -> ")[0][1:-1]
        assert parameters(written) == parameters(real)


def test_the_commands_of_ci_are_lines_of_their_own() -> None:
    """`.ci/run` takes them from here, word for word."""
    lines = README.splitlines()
    assert "pip install -c constraints.txt '.[tour]' && numpy-bridge tour" in lines
    assert "pip install nox && nox -s tests cpp" in lines


def drawing(name: str) -> ModuleType:
    """A program of docs/pictures."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/pictures/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_picture_shows_lines_that_are_executed() -> None:
    without = drawing("without")
    assert (ROOT / "docs/pictures/without.svg").read_text() == without.picture() + "\n"
    calls = {tuple(cell.strip("`") for cell in row): row for row in rows_of("you have")}
    later = {(row[0], row[1].strip("`")): row for row in rows_of("you share")}
    for case in without.CASES:
        if case.then:
            assert later[f"`{case.theirs}` / `{case.ours}`", case.then][2:] == ["dangles", "refused"]
        else:
            results = ("crashes" if "ends" in case.harm else "wrong", "refuses")
            assert (case.given, case.theirs, results[0], case.ours, results[1]) in calls


def test_the_recording_of_the_tour_shows_what_it_prints() -> None:
    pytest.importorskip("rich", reason="records the terminal")
    committed, found = (
        re.sub(r"\.\.[0-9a-f]{5}", "..", text)
        for text in ((ROOT / "docs/pictures/tour.svg").read_text(), drawing("record").recorded() + "\n")
    )
    assert committed == found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_recording_of_the_audit_shows_what_it_reports() -> None:
    pytest.importorskip("rich", reason="records the terminal")
    assert (ROOT / "docs/pictures/audit.svg").read_text() == drawing("record").audited() + "\n"


def test_the_program_of_the_tutorial_is_audited_as_it_says(tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="runs the command")
    (code,) = (block for block in blocks("python", PAGES["docs/tutorial.md"]) if block.startswith("# images"))
    mended = code.replace("torch.tensor(image)", "bridge.to_torch(image)")
    for program, status in ((code, 1), (f"import numpy_bridge as bridge\n{mended}", 0)):
        (tmp_path / "images.py").write_text(program)
        command = (sys.executable, "-m", "numpy_bridge", "audit", "--fail-on-copy", "images.py")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert ("no hidden copies" in done.stdout) is (status == 0)


def test_share_memory_moves_the_block_under_every_alias():
    """The documented limit: should this fail one day, README can lose a paragraph."""
    tensor = torch.full((1 << 20,), 7.0)
    array = bridge.to_numpy(tensor)
    tensor.share_memory_()
    assert not bridge.shares_memory(tensor, array)


def prose(page: str) -> str:
    return re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)


@pytest.mark.parametrize(
    ("page", "link"), [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)]+)\)", prose(page))]
)
def test_links_lead_somewhere(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    assert ((ROOT / page).parent / path).exists()
    headings = [
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in PAGES[page].splitlines()
        if line.startswith("## ")
    ]
    assert not anchor or path or anchor in headings
