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
from numpy_bridge import cli
from numpy_bridge.paths import get_sources

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")
pytest.importorskip("torch", reason="the tour runs on PyTorch")

from command_line import BOXES, invoke, main_without, python


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
    assert Path(numpy_bridge.get_include()).parent / "engine/units/base.cpp" in sources
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


def test_importing_numpy_bridge_imports_nothing_optional() -> None:
    code = "import sys, numpy_bridge; print([m for m in ('torch', 'rich', 'typer') if m in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"


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
