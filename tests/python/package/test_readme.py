"""README is executed: its code, every line of its tables, and its commands' names."""

import array
import json
import multiprocessing
import re
import statistics

import numpy as np
import pytest

import numpy_bridge as bridge
from repository import ROOT

torch = pytest.importorskip("torch", reason="README's tables compare with torch")

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """The cells of the table with this first heading, without code quotes."""
    lines = README.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "row", table("you have"), ids=lambda row: f"{row[0]} {row[1]} {row[3]}".replace("`", "")
)
def test_who_shares_who_copies_who_refuses(row):
    setup, theirs, their_result, ours, our_result = (cell.strip("`") for cell in row)
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
    return isinstance(base, (torch.UntypedStorage, torch.Tensor))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", table("you share"), ids=lambda row: f"{row[0]} {row[1]}".replace("`", ""))
def test_what_happens_afterwards(row):
    theirs, ours = (expression.strip("` ") for expression in row[0].split(" / "))
    then = row[1].strip("`")
    assert afterwards(theirs, then) == row[2]
    assert afterwards(ours, then) == row[3]


def test_example_runs_and_prints_what_is_shown(capsys):
    for code in blocks("python"):
        exec(code, {})
    assert capsys.readouterr().out == "".join(blocks("text"))


def test_cpp_code_is_the_guides_which_is_compiled() -> None:
    guide = (ROOT / "docs/cpp.md").read_text()
    assert len(blocks("cpp")) == 1
    assert blocks("cpp")[0] in guide
    for line in blocks("cmake")[0].splitlines():
        assert line in guide


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
    rows = table("ours")
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


def test_signatures_are_the_real_ones():
    for call in re.findall(r"^\| `([a-z_]+\(.*?\))` \|", README, re.MULTILINE):
        name, arguments = re.fullmatch(r"(\w+)\((.*)\)", call).groups()
        for keyword in re.findall(r"(\w+)=", arguments):
            assert f"{keyword}:" in (getattr(bridge, name).__doc__ or "") or keyword in str(
                getattr(bridge, name).__annotations__
            )


def test_share_memory_moves_the_block_under_every_alias():
    """The documented limit: should this fail one day, README can lose a paragraph."""
    tensor = torch.full((1 << 20,), 7.0)
    array = bridge.to_numpy(tensor)
    tensor.share_memory_()
    assert not bridge.shares_memory(tensor, array)


PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PROSE))
def test_links_lead_somewhere(link):
    path, _, anchor = link.partition("#")
    assert (ROOT / path).exists()
    headings = [
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("## ")
    ]
    assert not anchor or path or anchor in headings
