"""Copies inside libraries: the line of the library that made them, and whose copies count."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

torch = pytest.importorskip("torch", reason="libraries convert tensors")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SOURCES = {
    "outer_lib/__init__.py": "",
    "outer_lib/learn.py": """
from inner_lib import convert, loaded
def learn(x):
    return convert(x)
def numbers(x):
    return next(iter(loaded(x)))
""",
    "inner_lib.py": """
import functools
import numpy as np
def announced(function):
    @functools.wraps(function)
    def call(*arguments, **keywords):
        return function(*arguments, **keywords)
    return call
@announced
def convert(x):
    made = np.array(x)
    return made
class loaded:
    def __init__(self, x):
        self.x = x
    def __iter__(self):
        yield np.array(self.x)
@announced
def mapped(function, x):
    return function(x)
""",
}


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lib/site-packages"
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    for name in ("outer_lib", "outer_lib.learn", "inner_lib"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


@pytest.mark.usefixtures("libraries")
def test_the_innermost_line_of_a_library_is_named() -> None:
    import outer_lib.learn

    with bridge.audit() as log:
        outer_lib.learn.learn(torch.ones(2))  # here
    (found,) = log.hidden
    place = found.place
    assert (place.text, place.through) == (
        "outer_lib.learn.learn(torch.ones(2))  # here",
        "inner_lib.convert",
    )
    assert place.library == "inner_lib.py:11"
    assert place.in_library
    assert found.advice is not None
    assert found.advice.code == "bridge.to_numpy(x)"
    assert "in inner_lib.convert, inner_lib.py:11" in str(found)
    with pytest.raises(bridge.HiddenCopyError, match=r"in inner_lib\.convert, inner_lib\.py:11"), no_copies():
        outer_lib.learn.learn(torch.ones(2))


@pytest.mark.usefixtures("libraries")
def test_iterators_and_wrappers_are_not_named() -> None:
    import inner_lib
    import outer_lib.learn

    with bridge.audit() as log:
        outer_lib.learn.numbers(torch.ones(2))
        [*inner_lib.loaded(torch.ones(2))]
        inner_lib.mapped(np.array, torch.ones(2))
    assert [found.place.through for found in log.hidden] == [
        "outer_lib.learn.numbers",
        "inner_lib.loaded.__iter__",
        "inner_lib.mapped",
    ]


def no_copies(**arguments: Any) -> bridge.no_copies:
    return bridge.no_copies(**arguments)


@pytest.mark.parametrize(
    ("arguments", "raises"),
    [
        ({}, True),
        ({"only": "mine"}, False),
        ({"allow": ["inner_lib"]}, False),
        ({"allow": ["outer_lib", "inner_lib"]}, False),
        ({"allow": ["outer_lib"]}, True),
        ({"allow": ["inner"]}, True),
        ({"allow": [__name__]}, False),
    ],
)
@pytest.mark.usefixtures("libraries")
def test_whose_copies_count(arguments: dict[str, Any], raises: bool) -> None:
    import outer_lib.learn

    @no_copies(**arguments)
    def program() -> None:
        outer_lib.learn.learn(torch.ones(2))

    try:
        program()
    except bridge.HiddenCopyError:
        assert raises
    else:
        assert not raises


def test_own_copies_count_always() -> None:
    with no_copies(only="mine", allow=["numpy"]), pytest.raises(bridge.HiddenCopyError):
        np.array(torch.ones(2))


def test_wrong_words_are_refused() -> None:
    with pytest.raises(ValueError, match="only is \"mine\" or None, not 'theirs'"):
        no_copies(only="theirs")
    with pytest.raises(TypeError, match=r"allow is a list of modules: allow=\['torch'\]"):
        no_copies(allow="torch")
