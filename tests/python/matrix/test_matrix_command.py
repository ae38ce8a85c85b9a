"""`numpy-bridge matrix`: what people, programs and documents get to read, and exit statuses."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

from rich.console import Console
from typer.testing import CliRunner, Result

from numpy_bridge import cli, matrix
from numpy_bridge.matrix import Cell, Consumer, Finding, Matrix, Outcome, Producer, terminal
from repository import ROOT
from support import needs_ml_dtypes, needs_torch, run_python

COMPARISON, GUIDE = ((ROOT / "docs" / name).read_text() for name in ("comparison.md", "matrix.md"))

SOURCES = [Producer("numpy", "numpy", "x = 1 < 2"), Producer("torch | cuda", "torch", "x = 2")]
OURS = Consumer("numpy", "ours", "bridge.to_numpy(x)", ours=True)
OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.UNSAFE]  # the matrix makes every call
CALLS = [*(Consumer("numpy", f"call {n}", f"call_{n}(x)") for n in range(len(OUTCOMES))), OURS]


def example(ours: Outcome = Outcome.SHARES) -> Matrix:
    """Every outcome once in the first row, nothing in the second, whose object is out of reach."""
    findings = [Finding(outcome, f"because | {outcome.name}") for outcome in OUTCOMES]
    first = [
        Cell(SOURCES[0], call, finding)
        for call, finding in zip(CALLS, [*findings, Finding(ours)], strict=True)
    ]
    second = [Cell(SOURCES[1], call, Finding(Outcome.UNTRIED, "no card in the slot")) for call in CALLS]
    versions = {"numpy": "1.2.3"}
    return Matrix((*first, *second), versions, ("jax",), "2026-01-02T03:04:05+00:00")


def invoke(*arguments: str, **environment: str | None) -> Result:
    quiet: dict[str, str | None] = {"FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm", "COLUMNS": "100"}
    return CliRunner().invoke(cli.build(), ["matrix", *arguments], env={**quiet, **environment})


def drawn(given: Matrix, *, width: int = 100, why: bool = False, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal.show(given, Console(file=file, width=width, force_terminal=False), why=why)
    file.seek(0)
    return file.read()


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Replace the run with one whose outcome of our call is the last in the list."""
    outcomes = [Outcome.SHARES]

    def run(producers, consumers, *, limit, report, **_):
        cells = example(outcomes[-1]).cells
        for cell in cells:
            report(cell)
        return cells

    monkeypatch.setattr(matrix, "run", run)
    return outcomes


# The command


def test_real_run() -> None:
    done = invoke("--only", "python", "--only", "numpy", "--from", "python")
    assert done.exit_code == 0, done.output
    assert re.search(r"^bytearray +● shares +· refuses +● shares +● shares +● shares *$", done.output, re.M)
    assert re.search(r"^multiprocessing.Array +○ copies ", done.output, re.M)
    assert "\x1b[" not in done.output
    assert max(map(len, done.output.splitlines())) <= 100


@needs_torch
@needs_ml_dtypes
def test_the_run_in_readme() -> None:
    (shown,) = re.findall(r"```console\n\$ numpy-bridge matrix (.*?)\n(.*?)```", COMPARISON, re.S)
    printed = [line.rstrip() for line in invoke(*shown[0].split()).output.splitlines()]
    table = shown[1].splitlines()
    start = printed.index(table[0])
    assert printed[start : start + len(table) + 1] == [*table, ""]


def test_json_on_standard_output_is_one_document() -> None:
    done = invoke("--from", "python", "--to", "python", "--json", "-")
    form = json.loads(done.output)
    assert form["schema"] == "numpy-bridge/matrix/1"
    assert set(form["versions"]) == {"numpy-bridge", "python"}
    cell = next(c for c in form["cells"] if (c["from"], c["to"]) == ("bytes", "python ours"))
    assert (cell["call"], cell["outcome"], cell["ours"]) == ("memoryview(bridge.view(x))", "read-only", True)
    assert form["made_by"]["bytes"] == "x = bytes(values)"


def test_files(tmp_path: Path, fake_run: list[Outcome]) -> None:
    names = {option: tmp_path / option.strip("-") for option in ("--json", "--html", "--markdown")}
    done = invoke(*(word for option, path in names.items() for word in (option, str(path))))
    assert done.exit_code == 0
    assert json.loads(names["--json"].read_text())["untried"] == {"torch | cuda": "no card in the slot"}
    assert names["--html"].read_text().startswith("<!doctype html>")
    assert names["--markdown"].read_text().startswith("# ")
    assert "call_0" not in done.output
    assert "call 0" in done.output


def test_processes_have_tables_documents_and_pages(tmp_path: Path, fake_run: list[Outcome]) -> None:
    names = {option: tmp_path / option.strip("-") for option in ("--json", "--html", "--markdown")}
    done = invoke("--processes", *(word for option, path in names.items() for word in (option, str(path))))
    assert done.exit_code == 0
    assert "Each row's object sent to another process" in done.output
    assert json.loads(names["--json"].read_text())["schema"] == "numpy-bridge/matrix-processes/1"
    for name in ("--html", "--markdown"):
        assert "Memory between processes" in names[name].read_text()


def test_the_commands_of_the_guide(
    fake_run: list[Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^numpy-bridge matrix *([^#|\n]*)", GUIDE, re.M)
    assert len(lines) >= 6
    here = matrix.installed().keys() | {"queue"}
    for line in lines:
        names = re.findall(r"--(?:from|to) (\S+)", line)
        assert invoke(*line.split()).exit_code == (0 if here >= set(names) else 2), line


@pytest.mark.parametrize("outcome", Outcome)
def test_exit_status_says_whether_our_calls_share_or_refuse(
    fake_run: list[Outcome], outcome: Outcome
) -> None:
    fake_run.append(outcome)
    innocent = (Outcome.SHARES, Outcome.READONLY, Outcome.REFUSES, Outcome.UNTRIED)
    assert invoke().exit_code == (0 if outcome in innocent else 1)


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(matrix, "run", interrupted)
    assert invoke().exit_code == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nmupy"], "unknown: nmupy; there are "),
        (["--only", "ml_dtypes"], "nothing is left"),
        (["--only", "numpy", "--from", "python"], "--only numpy excludes python"),
        (["--time-limit", "0"], "--time-limit"),
        (["--nope"], "--nope"),
        (["--processes", "--only", "numpy"], "use --from and --to with --processes"),
        (["--processes", "--to", "jax"], "unknown: jax; there are dask, executor, "),
        (["--clusters"], "--clusters goes with --processes"),
        (["--html", "nowhere/page.html"], "there is no folder nowhere"),
        (["--json", "."], ". is a folder"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], said: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_list_names_every_library_and_transport() -> None:
    done = invoke("--list")
    assert done.exit_code == 0
    *rows, _, transports = done.output.splitlines()
    assert re.fullmatch(
        r"numpy +objects +\d+, calls \d", next(row for row in rows if row.startswith("numpy "))
    )
    installed = {row.split()[0] for row in rows if not row.endswith(", not installed")}
    assert installed == {each.library for side in matrix.select() for each in side}
    assert transports.startswith("Transports of --processes: ")
    assert "queue" in transports


def test_help_tells_the_exit_statuses() -> None:
    done = invoke("--help")
    assert done.exit_code == 0
    assert "Exit status: 0, or 1 if " in done.output


# What it draws


@pytest.mark.parametrize("width", [60, 100, 300])
def test_tables_fit(width: int) -> None:
    lines = drawn(example(), width=width).splitlines()
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if line.startswith("numpy ")]
    words = [
        "● shares",
        "◐ read-only",
        "○ copies",
        "· refuses",
        "✗ wrong",
        "✗ crashes",
        "✗ hangs",
        "? unknown",
        "? untried",
    ]
    assert " ".join(rows).count("● shares") == 2
    for word in words:
        assert word in " ".join(rows)


def test_reasons_are_told_when_asked_for() -> None:
    assert "because | WRONG" not in drawn(example())
    told = drawn(example(), why=True, width=200)
    for outcome in OUTCOMES:
        assert f"because | {outcome.name}" in told
    assert "--why" not in told


def test_what_our_calls_did_wrong_is_told_anyway() -> None:
    assert re.search(r"numpy +bridge.to_numpy\(x\) +✗ wrong", drawn(example(Outcome.WRONG)))


def test_counts_and_what_is_missing() -> None:
    told = drawn(example())
    assert "numpy-bridge: 1 shares\n" in told
    assert "untried: torch | cuda: no card in the slot\n" in told
    assert "not installed: jax\n" in told
    assert "numpy 1.2.3" in told


def test_plain_where_the_terminal_knows_ascii_only() -> None:
    """The file would raise UnicodeEncodeError at any other sign."""
    assert "= shares" in drawn(example(), encoding="ascii")


def test_markdown() -> None:
    from numpy_bridge.matrix.markdown import markdown

    text = markdown(example())
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1, table
    assert "| numpy | `call_4(x)` | wrong | because \\| WRONG |" in text
    assert "on 2026-01-02" in text
    assert "- torch | cuda: no card in the slot" in text
    assert "Not installed: jax." in text


def test_html_shows_every_pair_and_escapes() -> None:
    from numpy_bridge.matrix.page import page

    text = page(example())
    for n, outcome in enumerate(OUTCOMES):
        assert f"<code>call_{n}(<wbr>x)</code>" in text
        assert f"because | {outcome.name}" in text
    assert "<pre>x = 1 &lt; 2</pre>" in text
    assert "no card in the slot" in text


def test_importing_the_matrix_imports_nothing_optional() -> None:
    run_python(
        "import sys, numpy_bridge.matrix; assert not {'torch', 'rich', 'jinja2', 'typer'} & set(sys.modules)"
    )
