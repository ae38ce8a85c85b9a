"""`numpy-bridge tour`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")
pytest.importorskip("torch", reason="the tour runs on PyTorch")

from command_line import BOXES, ESCAPE, invoke, main_without, python
from numpy_bridge import tour
from numpy_bridge.libraries import BY_NAME
from numpy_bridge.tour import Claim, Pair, Step, Verdict

NAMES = [step.name for step in tour.steps]


@pytest.fixture
def false_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tour one step long, with a claim and a proof that do not hold."""
    code = "a = np.ones(2)\nb = a.copy()"
    claim = Claim("two and two are five", Verdict.AGREES, "2 + 2 == 5", because="it says so")
    step = Step("false", "False", "Tests", code, pairs=(Pair("a", "b", shares=True),), claims=(claim,))
    monkeypatch.setattr(tour, "steps", (step,))


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
