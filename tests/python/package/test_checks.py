"""The list of checks is the sessions' tags: CI and the workflow ask for it, CONTRIBUTING explains it."""

from __future__ import annotations

import ast
import re

import pytest

from repository import ROOT

TITLES = {"`nox -t ci`": "ci", "`nox -t nightly`": "nightly", "by hand": None}


def in_noxfiles() -> dict[str, str | None]:
    """Each session, and its tag."""
    found = {}
    sources = [(ROOT / name).read_text() for name in ("noxfile.py", "nox_platforms.py", "nox_benchmarks.py")]
    for function in (each for source in sources for each in ast.parse(source).body):
        if isinstance(function, ast.FunctionDef) and function.decorator_list:
            (decorator,) = function.decorator_list
            given = {k.arg: k.value for k in decorator.keywords} if isinstance(decorator, ast.Call) else {}
            (tag,) = ast.literal_eval(given["tags"]) if "tags" in given else (None,)
            found[function.name] = tag
    return found


def test_contributing_names_every_session_once_with_its_minutes() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (?:\*\*(.+?)[:*].*|`(\w+)` \| (\d+) \| \S.*) \|$", text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\|", text, re.MULTILINE)) - 2
    named, tag = [], None
    for title, name, _ in rows:
        if title:
            tag = TITLES[title]
        else:
            named.append((name, tag))
    assert sorted(named) == sorted(in_noxfiles().items(), key=lambda each: each[0])


@pytest.mark.parametrize("file", [".ci/run", ".github/workflows/ci.yml"])
def test_ci_asks_nox_for_its_list(file: str) -> None:
    """Neither names a session itself, but for those in the README's command."""
    if not (ROOT / file).exists():
        pytest.skip("the sdist is without it")
    lines = [line for line in (ROOT / file).read_text().splitlines() if "from_readme '" not in line]
    assert any("nox --list --json -t ci" in line for line in lines)
    for line in lines:
        assert not set(re.findall(r"nox -s ([\w ]+)", line)), line


def test_the_platforms_page_names_sessions_and_workflows_that_exist() -> None:
    page = (ROOT / "docs/platforms.md").read_text()
    named = {
        word
        for row in re.findall(r"^\| (?:Linux|macOS|Windows) .*\|(.*)\|$", page, re.MULTILINE)
        for word in re.findall(r"`([\w.]+)`", row)
    }
    workflows = ROOT / ".github/workflows"
    assert len(named) > 5
    for word in named - in_noxfiles().keys():
        assert word.endswith(".yml"), word
        assert not workflows.exists() or (workflows / word).exists(), word


def test_the_tests_of_wheels_find_the_files_that_they_read() -> None:
    """cibuildwheel runs them in a folder with nothing but its `test-sources`."""
    text = (ROOT / "pyproject.toml").read_text()
    (sources,) = (ast.literal_eval(each) for each in re.findall(r"^test-sources = (\[.*\])$", text, re.M))
    (command,) = re.findall(r"^test-command = (.*)$", text, re.M)
    folders = [ROOT / each for each in re.findall(r"tests/python/\w+", command)]
    files = [file for folder in folders for file in folder.glob("*.py")]
    read = {path for file in files for path in re.findall(r'ROOT / "([\w./-]+)"', file.read_text())}
    assert len(folders) > 1
    assert "docs" in read
    assert [path for path in read if not any(f"{path}/".startswith(f"{each}/") for each in sources)] == []
