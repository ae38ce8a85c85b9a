"""The audit in continuous integration: limits, earlier runs, annotations, SARIF, and whose copies count."""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

from numpy_bridge.auditing.ci.annotations import github, sarif
from numpy_bridge.auditing.ci.baseline import known_as, read
from numpy_bridge.auditing.ci.limits import Limits
from numpy_bridge.auditing.document import document
from numpy_bridge.auditing.run import Run, run
from numpy_bridge.auditing.scope import Scope

COPY = "import numpy as np\nblock = bytearray(1024)\nnp.array(block)\n"
MORE = f"import sys\n\n{COPY}for _ in range(2):\n    np.array(block[:10])\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(text: str) -> Run:
    Path("script.py").write_text(text)
    linecache.clearcache()
    return run(["script.py"])


def known(done: Run) -> Limits:
    """Limits that a document of an earlier run sets."""
    Path("old.json").write_text(json.dumps(document(done, [])))
    return Limits(known=read(Path("old.json")))


def test_limits() -> None:
    done = audited(COPY)
    sentence = "1 hidden copy of 1 KiB"
    for limits, said in (
        (Limits(), ""),
        (Limits(none=True), f"by --fail-on-copy: {sentence}, first at script.py:3"),
        (Limits(most_bytes=1024), ""),
        (Limits(most_bytes=1023), f"by --max-bytes: {sentence}, where 1023 bytes are accepted"),
        (Limits(known=frozenset()), f"by --baseline: {sentence} not there before, first at script.py:3"),
        (known(done), ""),
    ):
        assert limits.exceeded(done.log, done.folder) == said


def test_only_new_copies_count_after_a_run_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = known(audited(COPY))
    assert {entry.file for entry in limits.known or ()} == {"script.py"}
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    done = audited(MORE)  # the lines have moved
    (new,) = limits.new(done.log, done.folder)
    assert (new.place.line, new.times) == (7, 2)
    assert known_as(new, done.folder).text == "np.array(block[:10])"
    said = limits.exceeded(done.log, done.folder)
    assert said == "by --baseline: 2 hidden copies of 20 bytes in all not there before, first at script.py:7"
    assert not limits.exceeded(audited(COPY).log, done.folder)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "numpy-bridge/info/1"}', None])
def test_other_files_are_no_earlier_runs(text: str | None) -> None:
    if text is not None:
        Path("old.json").write_text(text)
    with pytest.raises(ValueError, match=r"old\.json is no document of numpy-bridge audit --json"):
        read(Path("old.json"))


def test_github_gets_a_line_for_each_copy() -> None:
    Path("a,b").mkdir()
    Path("a,b/100%.py").write_text(COPY)
    done = run(["a,b/100%.py"])
    (line,) = github(done.log.hidden, done.folder).splitlines()
    head, _, message = line.removeprefix("::").partition("::")
    assert head == "warning file=a%2Cb/100%25.py,line=3,title=hidden copy"
    assert message == (
        "np.array: copied 1,024 bytes, bytearray to numpy uint8: np.array copies unless it is told not to; "
        "bridge.to_numpy(block) shares, if neither array is written while the other is in use"
    )


def test_sarif(tmp_path: Path) -> None:
    done = audited(COPY)
    log = sarif(done.log.hidden, done.folder)
    assert (log["version"], log["$schema"].endswith("sarif-2.1.0.json")) == ("2.1.0", True)
    (found,) = log["runs"]
    (rule, _) = found["tool"]["driver"]["rules"]
    (result,) = found["results"]
    assert (result["ruleId"], result["level"]) == (rule["id"], "warning")
    assert result["message"]["text"] == done.log.hidden[0].message
    (where,) = result["locations"]
    assert where["physicalLocation"] == {
        "artifactLocation": {"uri": "script.py", "uriBaseId": "PROGRAM"},
        "region": {"startLine": 3},
    }
    assert found["originalUriBaseIds"]["PROGRAM"]["uri"] == f"{tmp_path.as_uri()}/"
    assert result["relatedLocations"] == []


def test_a_log_without_some_modules() -> None:
    Path("helper_of_audit.py").write_text("import numpy as np\ndef f():\n    np.array(bytearray(9))\n")
    done = audited(f"import sys\nsys.path.insert(0, '')\nimport helper_of_audit\n{COPY}helper_of_audit.f()\n")
    assert done.log.hidden_bytes == 1024 + 9
    assert done.log.within(Scope(allowed=("helper_of_audit",))).hidden_bytes == 1024
    assert done.log.within(Scope(only_mine=True)).hidden_bytes == 1024 + 9
    del sys.modules["helper_of_audit"]


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("script.py").write_text(f"{COPY}kept = np.array(block)\nblock[0] = 1\n")
    command = [
        sys.executable,
        "-m",
        "numpy_bridge",
        "audit",
        "--json",
        "-",
        "--sarif",
        "report.sarif",
        "--verify",
    ]
    done = subprocess.run([*command, "--max-bytes", "9", "script.py"], capture_output=True, text=True)
    assert done.returncode == 1
    checked = [c["checked"] for line in json.loads(done.stdout)["lines"] for c in line["conversions"]]
    assert checked == ["safe to share", "needed: the source was written"]
    first, second, said = done.stderr.splitlines()
    assert first.startswith("::warning file=script.py,line=3,title=hidden copy::np.array: copied 1,024 bytes")
    assert second.startswith("::warning file=script.py,line=4,")
    assert said.endswith(
        "exit status 1 by --max-bytes: 2 hidden copies of 2 KiB in all, where 9 bytes are accepted"
    )
    assert len(json.loads(Path("report.sarif").read_text())["runs"][0]["results"]) == 2
    Path("old.json").write_text(done.stdout)
    arguments = ["--baseline", "old.json", "--no-github", "script.py"]
    done = subprocess.run([*command[:4], *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        [*command[:4], "--baseline", "script.py", "script.py"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "numpy-bridge audit: script.py is no document" in done.stderr
