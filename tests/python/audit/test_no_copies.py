"""`no_copies`: a hidden copy raises at the line that makes it."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import functools
import pickle
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import HiddenCopyError, SharingError, no_copies
from support import needs_torch, torch

BUFFER = bytearray(8)


def test_the_error_tells_everything() -> None:
    with pytest.raises(HiddenCopyError) as caught, no_copies():
        np.array(BUFFER)  # this line
    error = caught.value
    place = (
        f"{__file__}:{next(line for line in traceback.extract_tb(caught.tb) if 'this line' in line.line)[1]}"
    )
    assert isinstance(error, SharingError)
    assert (error.place, error.protocol, error.field, error.expected) == (
        place,
        "np.array",
        "copy",
        "no copy",
    )
    assert str(error) == (
        f"{place}: np.array made a hidden copy: 8 bytes, bytearray to numpy uint8: "
        "np.array copies unless it is told not to; "
        "bridge.to_numpy(BUFFER) shares, if neither array is written while the other is in use"
    )
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_what_shares_and_what_is_asked_for_passes() -> None:
    with no_copies():
        np.asarray(BUFFER)
        np.array(BUFFER, copy=True)
        np.copy(BUFFER)
        np.array([1, 2])
        bridge.to_numpy(BUFFER, copy=True)
    np.array(BUFFER)


@needs_torch
@pytest.mark.parametrize(
    "convert",
    [
        lambda: torch.tensor(np.ones(3)),
        lambda: torch.FloatTensor(np.ones(3)),
        lambda: torch.Tensor(np.ones(3)),
        lambda: np.array(torch.ones(3, dtype=torch.float32), dtype="f8"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_the_traceback_ends_at_the_line(convert: Callable[[], object], times: int) -> None:
    with no_copies():
        for _ in range(times):  # the second one is known
            with pytest.raises(HiddenCopyError) as caught:
                convert()
    assert [Path(each.filename).name for each in traceback.extract_tb(caught.tb)] == [Path(__file__).name] * 2
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@needs_torch
@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.tensor(np.ones(2)),
        lambda: torch.as_tensor(np.ones(2), dtype=torch.float32),
        lambda: torch.Tensor(np.ones(2)),
        lambda: torch.FloatTensor(np.ones(2)),
        lambda: np.array(torch.ones(2)),
        lambda: np.asarray(torch.ones(2), dtype=np.float64),
        lambda: torch.ones(3, 2).t().contiguous(),
    ],
)
def test_hidden(call: Any) -> None:
    with pytest.raises(HiddenCopyError), no_copies():
        call()
    call()


@needs_torch
@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.from_numpy(np.ones(2)),
        lambda: torch.ones(2).numpy(),
        lambda: torch.ones(2).contiguous(),
        lambda: torch.ones(2).clone(),
        lambda: torch.ones(2).tolist(),
        lambda: torch.ones(2).to(torch.float64),
        lambda: torch.ones(2).cpu(),
        lambda: torch.tensor([1, 2]),
        lambda: torch.tensor(np.ones(0)),
        lambda: list(torch.utils.data.DataLoader([np.ones(2)])),
        lambda: torch.eye(2).to_sparse().clone(),
    ],
)
def test_not_hidden(call: Any) -> None:
    with no_copies():
        call()


def test_blocks_nest() -> None:
    with no_copies():
        with bridge.audit() as log, pytest.raises(HiddenCopyError), no_copies():
            np.array(BUFFER)
        with pytest.raises(HiddenCopyError):
            np.array(BUFFER)
    assert len(log) == 1


def test_one_object_can_be_entered_again() -> None:
    forbid = no_copies()
    with forbid:
        with forbid:
            pass
        with pytest.raises(HiddenCopyError):
            np.array(BUFFER)
    np.array(BUFFER)


def run_in_a_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_all_threads() -> None:
    def work() -> None:
        try:
            np.array(BUFFER)
        except HiddenCopyError as error:
            raised.append(error)

    raised: list[HiddenCopyError] = []
    with pytest.raises(HiddenCopyError) as seen, no_copies():
        run_in_a_thread(work)
    assert raised == [seen.value]


def test_the_blocks_own_exception_comes_before_those_of_other_threads() -> None:
    def work() -> None:
        with contextlib.suppress(HiddenCopyError):
            np.array(BUFFER)

    def fail() -> None:
        run_in_a_thread(work)
        raise LookupError("the block's own")

    with pytest.raises(LookupError, match="the block's own"), no_copies():
        fail()


def test_a_handled_copy_of_the_blocks_own_thread_is_handled() -> None:
    with no_copies(), contextlib.suppress(HiddenCopyError):
        np.array(BUFFER)


# Decorators


def test_function() -> None:
    @no_copies()
    def sums(x: bytearray, *, hidden: bool) -> int:
        """Add up."""
        return int((np.array(x) if hidden else np.asarray(x)).sum())

    assert (sums.__name__, sums.__doc__) == ("sums", "Add up.")
    assert sums(BUFFER, hidden=False) == 0
    with pytest.raises(HiddenCopyError):
        sums(BUFFER, hidden=True)
    np.array(BUFFER)


def test_coroutine_function() -> None:
    @no_copies()
    async def sums() -> int:
        await asyncio.sleep(0)
        return int(np.array(BUFFER).sum())

    with pytest.raises(HiddenCopyError):
        asyncio.run(sums())


def test_a_plain_function_that_returns_a_coroutine() -> None:
    async def sums() -> int:
        return int(np.array(BUFFER).sum())

    with pytest.raises(HiddenCopyError):
        asyncio.run(no_copies()(lambda: sums())())


def test_a_generator_that_is_returned_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot watch a generator that is returned: use it as a block"):
        no_copies()(lambda: (n for n in range(3)))()


def test_a_partial_function() -> None:
    with pytest.raises(HiddenCopyError):
        no_copies()(functools.partial(lambda x: np.array(x), BUFFER))()


def test_parentheses_are_asked_for() -> None:
    with pytest.raises(TypeError, match=r"takes no functions: decorate with @no_copies\(\), in parentheses"):
        no_copies(len)


class Pipeline:
    def __call__(self) -> None: ...


def numbers() -> Any:
    yield 1


async def numbers_later() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (3, "decorates functions, not int objects; use it as a block"),
        (Pipeline, "cannot decorate a class, which must stay a class; decorate its methods"),
        (
            classmethod(len),
            "decorates functions, not classmethod objects; put @no_copies() below @classmethod",
        ),
        (
            staticmethod(len),
            "decorates functions, not staticmethod objects; put @no_copies() below @staticmethod",
        ),
        (property(len), "decorates functions, not property objects; use it as a block"),
        (functools.partialmethod(len), "decorates functions, not partialmethod objects; use it as a block"),
        (numbers, "cannot decorate a generator function; use it as a block inside"),
        (functools.partial(numbers), "cannot decorate a generator function; use it as a block inside"),
        (numbers_later, "cannot decorate a generator function; use it as a block inside"),
    ],
    ids=repr,
)
def test_what_has_no_body_to_watch_is_refused(thing: Any, text: str) -> None:
    with pytest.raises(TypeError, match=f"^no_copies {re.escape(text)}$"):
        no_copies()(thing)


@needs_torch
def test_objects_that_are_called_are_functions() -> None:
    class Summing:
        def __call__(self, x: Any) -> Any:
            return torch.tensor(x).sum()

    watched = bridge.no_copies()(Summing())
    with pytest.raises(bridge.HiddenCopyError):
        watched(np.ones(3))


@pytest.mark.parametrize("thing", [len, Pipeline, numbers, numbers_later, staticmethod(len)], ids=repr)
def test_audit_decorates_nothing(thing: Any) -> None:
    for decorate in (bridge.audit(), bridge.audit):
        with pytest.raises(
            TypeError, match=r"^audit cannot be a decorator, .*: use a block, with audit\(\) as log$"
        ):
            decorate(thing)


def test_an_audit_can_be_entered_again() -> None:
    audit = bridge.audit()
    with audit as outer, audit as inner:
        np.array(BUFFER)
    np.array(BUFFER)
    assert len(outer) == len(inner) == 1


@pytest.mark.parametrize("block", [bridge.audit, bridge.no_copies])
def test_examples(block: type) -> None:
    (test,) = (each for each in doctest.DocTestFinder(recurse=False).find(block, globs={}) if each.examples)
    assert doctest.DocTestRunner().run(test) == (0, len(test.examples))


# pytest


TESTS = """
import numpy as np, pytest

BLOCK = bytearray(8)

@pytest.fixture
def copying(): return np.array(BLOCK)

@pytest.mark.no_copies
def test_marked(): np.array(BLOCK)  # copies

@pytest.mark.no_copies
def test_marked_shares(copying): np.asarray(BLOCK)

def test_with_fixture(no_copies): np.array(BLOCK)  # copies too

def test_free(): np.array(BLOCK)

@pytest.mark.no_copies(allow=["test_copies"])
def test_allowed(): np.array(BLOCK)

@pytest.mark.no_copies(only="mine")
@pytest.mark.parametrize("i", range(2))
def test_mine(i): np.array(BLOCK)
"""


def run_pytest(folder: Path, text: str, *options: str) -> str:
    (folder / "test_copies.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_marker_and_fixture(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, TESTS)
    assert "4 failed, 3 passed" in printed
    assert "test_copies.py:10: HiddenCopyError" in printed
    assert "test_copies.py:15: HiddenCopyError" in printed
    assert "stand_in.py" not in printed
    lines = printed.partition("= hidden copies =")[2].splitlines()[1:4]
    assert [line.partition("test_copies.py:")[2].partition(":")[0] for line in lines] == ["10", "15", "24"]
    assert [line.rpartition(" (")[2] for line in lines] == ["1 test)", "1 test)", "2 tests)"]


def test_a_setting_allows_modules_in_all_tests(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nno_copies_allow = other test_copies\n")
    printed = run_pytest(tmp_path, TESTS)
    assert "7 passed" in printed
    assert "hidden copies" not in printed


def test_the_summary_counts_no_module_that_cannot_be_collected(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("raise RuntimeError('not collected')\n")
    printed = run_pytest(tmp_path, TESTS, "--continue-on-collection-errors")
    assert "4 failed, 3 passed, 1 error" in printed
    assert "= hidden copies =" in printed


def test_the_marker_is_known_and_nothing_is_imported_for_others(tmp_path: Path) -> None:
    text = "import sys\ndef test_nothing(): assert not {'numpy', 'numpy_bridge'} & set(sys.modules)\n"
    assert "1 passed" in run_pytest(tmp_path, text)
    assert "@pytest.mark.no_copies(only=None, allow=()): fail at the line" in run_pytest(
        tmp_path, text, "--markers"
    )
