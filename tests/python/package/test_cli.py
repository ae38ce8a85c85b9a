"""The `numpy-bridge` command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import numpy_bridge
from numpy_bridge import cli, tour
from numpy_bridge.libraries import BY_NAME
from numpy_bridge.paths import get_sources
from numpy_bridge.tour import Claim, Pair, Step, Verdict

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")
pytest.importorskip("torch", reason="the tour runs on PyTorch")

from typer.testing import CliRunner, Result

BOXES = "─│╭╰"
ESCAPE = "\x1b["
NAMES = [step.name for step in tour.steps]


def invoke(*arguments: str, **environment: str | None) -> Result:
    quiet: dict[str, str | None] = {"FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm", "COLUMNS": "80"}
    return CliRunner().invoke(cli.build(), arguments, env={**quiet, **environment})


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def main_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where `module` can't be imported."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'numpy-bridge'; "
    return python("-c", code + "from numpy_bridge.cli import main; main()", *arguments)


@pytest.fixture
def false_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tour one step long, with a claim and a proof that do not hold."""
    code = "a = np.ones(2)\nb = a.copy()"
    claim = Claim("two and two are five", Verdict.AGREES, "2 + 2 == 5", because="it says so")
    step = Step("false", "False", "Tests", code, pairs=(Pair("a", "b", shares=True),), claims=(claim,))
    monkeypatch.setattr(tour, "steps", (step,))


# Around the commands


def test_version() -> None:
    done = invoke("--version")
    assert (done.exit_code, done.output) == (0, f"numpy-bridge {numpy_bridge.__version__}\n")


def test_module_is_the_command() -> None:
    done = python("-m", "numpy_bridge", "--version")
    assert (done.returncode, done.stdout) == (0, f"numpy-bridge {numpy_bridge.__version__}\n")


ANSWERS = {
    "--version": f"numpy-bridge {numpy_bridge.__version__}",
    "--includes": f"-I{numpy_bridge.get_include()}",
    "--sources": "\n".join(get_sources()),
    "--cmakedir": numpy_bridge.get_cmake_dir(),
    "--pkgconfigdir": str(Path(numpy_bridge.get_cmake_dir()).parents[1] / "pkgconfig"),
}


@pytest.mark.parametrize("option", ANSWERS)
def test_builds_get_answers_without_the_extra(option: str) -> None:
    done = main_without("typer", option)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWERS[option] + "\n", "")
    assert invoke(option).output == done.stdout
    assert option in invoke("--help").output


def test_several_answers_come_in_their_order() -> None:
    done = main_without("typer", "--cmakedir", "--includes")
    assert done.stdout.splitlines() == [ANSWERS["--cmakedir"], ANSWERS["--includes"]]


def test_answers_are_folders_with_what_they_promise() -> None:
    assert Path(numpy_bridge.get_include(), "numpy_bridge/version.hpp").is_file()
    sources = [Path(line) for line in ANSWERS["--sources"].splitlines()]
    assert Path(numpy_bridge.get_include()).parent / "engine/memory.cpp" in sources
    assert all(source.is_file() for source in sources)
    assert Path(ANSWERS["--cmakedir"], "numpy_bridgeConfig.cmake").is_file()
    assert Path(ANSWERS["--pkgconfigdir"], "numpy_bridge.pc").is_file()


@pytest.mark.parametrize("arguments", [["--help"], ["tour", "--help"]])
def test_help(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 0
    assert "Usage: " in done.output
    assert not set(BOXES) & set(done.output)


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["tour", "--nope"], ["tour", "nope"]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("rich", ("audit", __file__)),
        *((m, (c,)) for m in ("typer", "rich") for c in ("explain", "tour", "matrix")),
    ],
)
def test_without_the_extra_one_line_says_what_to_install(module: str, arguments: tuple[str, ...]) -> None:
    done = main_without(module, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"numpy-bridge: {module} is missing: pip install typer rich\n"


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_info_and_help_need_no_extra(module: str) -> None:
    shown = main_without(module, "info")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("numpy-bridge\n  version ")
    assert "  numpy  " in shown.stdout
    assert "torch is not imported" not in shown.stdout
    for arguments in ([], ["--help"], ["-h"]):
        done = main_without(module, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert all(f"  {name} " in done.stdout for name in (*cli.COMMANDS, *ANSWERS))
        assert cli.EXTRA in done.stdout


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_the_help_of_all_commands_looks_alike(columns: int) -> None:
    """That of audit is printed by argparse, the others by typer."""
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHON_COLORS": "0"}
    for name in ("matrix", "audit"):
        command = (sys.executable, "-m", "numpy_bridge", name, "-h")
        lines = subprocess.run(command, env=environment, capture_output=True, text=True).stdout.splitlines()
        assert lines[0].startswith(f"Usage: numpy-bridge {name} [OPTIONS]")
        assert lines[2] == f"  {cli.COMMANDS[name]}"[: len(lines[2])]
        assert "Options:" in lines
        assert re.fullmatch(" +-h, --help +Show this message and exit.", lines[-1])
        assert max(map(len, lines)) < min(columns, 80)


def test_wrong_usage_of_audit_is_told_as_of_the_others() -> None:
    for name in ("audit", "matrix"):
        done = python("-m", "numpy_bridge", name, "--nope", __file__)
        assert (done.returncode, done.stdout) == (2, "")
        usage, *rest = done.stderr.splitlines()
        assert usage.startswith(f"Usage: numpy-bridge {name} [OPTIONS]")
        assert rest[:2] == [f"Try 'numpy-bridge {name} --help' for help.", ""]
        assert rest[2].startswith("Error: ")
        assert "--nope" in rest[2]


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_the_short_help_is_the_first_line_of_the_long_one(command: str) -> None:
    text = python("-m", "numpy_bridge", command, "--help").stdout
    assert cli.COMMANDS[command] in " ".join(text.split())
    assert cli.COMMANDS[command] in " ".join(invoke("--help").output.split()), "cut off"


# explain


def test_explain_of_files_and_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    numpy.save("a.npy", numpy.zeros(3))
    Path("held.py").write_text("import numpy\nclass room:\n    x = numpy.zeros(4)\n    part = x[1:]\n")
    of_file = invoke("explain", "a.npy")
    assert (of_file.exit_code, of_file.stderr) == (0, "")
    assert of_file.stdout.startswith("numpy.memmap float64 (3,): NumPy read-only")
    pair = python("-m", "numpy_bridge", "explain", "held:room.x", "held:room.part")
    assert pair.stdout.startswith("a, numpy.ndarray float64 (4,), and b, numpy.ndarray float64 (3,): ")
    assert invoke("explain", "held:room").stdout.startswith("a type cannot be shared: ")
    done = invoke("explain", "a.npy", "--html", "page.html")
    assert done.stdout.endswith("Written to page.html.\n")
    assert 'class="nb-map"' in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nope.npy", "there is no file nope.npy; write FILE.npy or MODULE:OBJECT"),
        (__file__, f"{__file__}: the magic string is not correct"),
        ("nope:x", "nope:x: No module named 'nope'"),
        ("json:nope", "json:nope: module 'json' has no attribute 'nope'"),
    ],
)
def test_explain_of_nothing(name: str, said: str) -> None:
    done = invoke("explain", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"numpy-bridge explain: {said}")


def test_explain_takes_two_at_most() -> None:
    done = invoke("explain", "json:loads", "json:dumps", "json:load")
    assert done.exit_code == 2
    assert done.stderr == "numpy-bridge explain: expected one object, or two to compare; got 3\n"


def test_another_missing_module_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr(cli, "build", broken)
    with pytest.raises(ModuleNotFoundError, match="numpy"):
        cli.main()


def test_without_torch_one_line_says_what_to_install() -> None:
    done = main_without("torch", "tour", "exercise")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "PyTorch" in done.stderr
    assert "pip install 'numpy-bridge[tour]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_list_needs_no_torch() -> None:
    done = main_without("torch", "tour", "--list")
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()] == NAMES


def test_importing_numpy_bridge_imports_nothing_optional() -> None:
    code = "import sys, numpy_bridge; print([m for m in ('torch', 'rich', 'typer') if m in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"


# The tour


def test_list() -> None:
    done = invoke("tour", "--list")
    assert done.exit_code == 0
    rows = [line.split(maxsplit=2)[:2] for line in done.output.splitlines()]
    assert rows == [[str(number), name] for number, name in enumerate(NAMES, 1)]


def test_list_as_json() -> None:
    document = json.loads(invoke("tour", "--list", "--json", "-").output)
    assert document["schema"] == "numpy-bridge/tour-steps/1"
    rows = document["steps"]
    assert [row["name"] for row in rows] == NAMES
    assert all(list(row) == ["name", "title", "part"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plain", "--html", "tour.html"], "--plain and --html exclude each other"),
        (["--list", "--html", "tour.html"], "--html and --list exclude each other"),
        (["--list", "--plain"], "--plain and --list exclude each other"),
        (["--all", "exercise"], "--all and STEP exclude each other"),
    ],
)
def test_options_that_exclude_each_other(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("tour", *arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"numpy-bridge tour: {said}\n")
    assert not list(tmp_path.iterdir())


def test_whole_tour_when_piped() -> None:
    done = python("-m", "numpy_bridge", "tour", "--all")
    assert done.returncode == 0
    assert not done.stderr or BY_NAME["tensorflow"].installed, "TensorFlow greets there"
    assert ESCAPE not in done.stdout
    assert done.stdout.isascii()
    positions = [done.stdout.index(f"[{name}]") for name in NAMES]
    assert positions == sorted(positions)
    everywhere = [step for step in tour.steps if not (step.needs_cuda or step.needs_library)]
    assert all(claim.says in done.stdout for step in everywhere for claim in step.claims)
    assert " 0 failed, " in done.stdout


@pytest.mark.parametrize("arguments", [["torch-ones"], ["torch-ones", "--plain"]])
def test_one_step_by_name(arguments: list[str]) -> None:
    done = invoke("tour", *arguments, FORCE_COLOR="1" if "--plain" in arguments else None)
    assert done.exit_code == 0
    assert [name for name in NAMES if f"[{name}]" in done.output] == ["torch-ones"]
    assert ESCAPE not in done.output
    assert not set(BOXES) & set(done.output)


@pytest.mark.parametrize(
    ("name", "guess"), [("nope", ""), ("0", ""), ("torch-one", "did you mean torch-ones"), ("99", "")]
)
def test_unknown_step_gets_a_guess_and_the_list(name: str, guess: str) -> None:
    done = invoke("tour", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"there is no step {name}; {guess}" in done.stderr
    assert f"numpy-bridge tour --list shows steps 1 to {len(NAMES)}\n" in done.stderr


def test_steps_by_number() -> None:
    assert tour.select([str(NAMES.index("exercise") + 1)]) == tour.select(["exercise"])


def test_five_steps_unless_told_others() -> None:
    done = invoke("tour")
    shown = [name for name in NAMES if f"[{name}]" in done.output]
    assert shown == list(tour.HIGHLIGHTS)
    assert len(shown) == 5
    assert tour.ARTICLE in " ".join(done.output.split())  # lines are as wide as the terminal
    assert "Next:" in done.output


def test_json_is_one_document() -> None:
    done = invoke("tour", "exercise", "torch-ones", "--json", "-")
    assert done.exit_code == 0
    document = json.loads(done.output)
    assert [result["name"] for result in document["results"]] == ["exercise", "torch-ones"]
    assert document["summary"]["steps"] == {"total": 2, "passed": 2, "failed": 0, "skipped": 0}


@pytest.mark.parametrize(
    "arguments", [["info"], ["tour", "torch-ones"], ["matrix", "--from", "python", "--to", "python"]]
)
def test_json_means_the_same_in_every_command(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    alone, beside = invoke(*arguments, "--json", "-"), invoke(*arguments, "--json", str(file))
    assert (alone.exit_code, alone.stderr) == (beside.exit_code, beside.stderr) == (0, "")
    document = json.loads(alone.stdout)
    assert re.fullmatch(rf"numpy-bridge/{arguments[0]}/\d+", document["schema"])
    assert json.loads(file.read_text()).keys() == document.keys()
    assert beside.stdout.splitlines()[0] == invoke(*arguments).stdout.splitlines()[0]
    wrong = invoke(*arguments, "--json", str(tmp_path))
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr == f"numpy-bridge {arguments[0]}: {tmp_path} is a folder\n"


def test_a_page_and_a_document_at_once(tmp_path: Path) -> None:
    file = tmp_path / "tour.html"
    done = invoke("tour", "torch-ones", "--html", str(file), "--json", "-")
    assert json.loads(done.stdout)["schema"] == "numpy-bridge/tour/1"
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal(columns: int) -> None:
    done = invoke("tour", "--all", FORCE_COLOR="1", NO_COLOR="1", COLUMNS=str(columns))
    assert done.exit_code == 0
    assert set(BOXES) <= set(done.output)
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in done.output.splitlines()) == columns
    assert all(name in done.output for name in NAMES)
    assert "✓ shared" in done.output
    assert "the article prints" in done.output


def test_colours_on_a_terminal() -> None:
    assert f"{ESCAPE}32m✓ shared" in invoke("tour", "exercise", FORCE_COLOR="1").output


def test_dumb_terminal_gets_plain_text() -> None:
    done = invoke("tour", "torch-ones", FORCE_COLOR="1", TERM="dumb")
    assert ESCAPE not in done.output
    assert not set(BOXES) & set(done.output)


@pytest.mark.usefixtures("false_claim")
@pytest.mark.parametrize("arguments", [[], ["--plain"], ["--json", "-"]])
@pytest.mark.parametrize("terminal", ["1", None])
def test_false_claim_exits_1(arguments: list[str], terminal: str | None) -> None:
    done = invoke("tour", "--all", *arguments, FORCE_COLOR=terminal)
    assert done.exit_code == 1
    if "--json" in arguments:
        result = json.loads(done.output)["results"][0]
        assert (result["status"], result["proofs"][0]["holds"], result["claims"][0]["holds"]) == (
            "failed",
            False,
            False,
        )
    else:
        assert "FAILED" in done.output
        assert "two and two are five" in done.output
        assert "2 + 2 == 5" in done.output


@pytest.mark.parametrize("form", [["--plain"], ["--json", "-"], []])
def test_skipped_steps_show_why_and_do_not_fail(monkeypatch: pytest.MonkeyPatch, form: list[str]) -> None:
    monkeypatch.setattr(
        sys.modules["numpy_bridge.tour.run"], "cuda_unavailable", lambda: "no card in the slot"
    )
    done = invoke("tour", "cuda-tensors", *form, FORCE_COLOR="1")
    assert done.exit_code == 0
    assert "no card in the slot" in done.output


# The tour as a page


def test_page(tmp_path: Path) -> None:
    file = tmp_path / "tour.html"
    done = invoke("tour", "exercise", "torch-ones", "--html", str(file))
    assert done.exit_code == 0
    assert f"Written to {file}." in done.output
    html = file.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.count("<article ") == 2
    (exercise,) = tour.run(["exercise"])
    assert html.count('class="nb-map"') >= len(exercise.proofs) > 0


def test_page_that_cannot_be_written(tmp_path: Path) -> None:
    done = invoke("tour", "exercise", "--html", str(tmp_path / "nowhere/tour.html"))
    assert done.exit_code == 2
    assert f"there is no folder {tmp_path / 'nowhere'}" in done.output


@pytest.mark.parametrize("module", ["jinja2", "markupsafe"])
def test_page_needs_no_template_engine(module: str, tmp_path: Path) -> None:
    done = main_without(module, "tour", "torch-ones", "--html", str(tmp_path / "tour.html"))
    assert (done.returncode, done.stderr) == (0, "")


def test_page_of_a_failure(false_claim: None, tmp_path: Path) -> None:
    file = tmp_path / "tour.html"
    assert invoke("tour", "--all", "--html", str(file)).exit_code == 1
    assert "FAILED" in file.read_text(encoding="utf-8")
