"""`audit` among objects that raise when they are looked at, and in places where nobody has called."""

from __future__ import annotations

import _thread
import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.install import installation
from numpy_bridge.auditing.install.import_hook import ImportHook
from support import needs_torch, run_python, torch


class Lazy(ModuleType):
    """Raises for what it does not have, as proxies do outside of their context."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} outside of its context")


class Proxy:
    """Raises whatever it is asked for."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} outside of its context")


proxy = Proxy()


def test_modules_that_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lazy", Lazy("lazy"))
    with bridge.audit() as log:
        np.array(bytearray(3))
    assert log.copied_bytes == 3


def test_modules_that_must_not_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with bridge.audit() as log:
        np.array(bytearray(3))
    assert log.copied_bytes == 3


@pytest.mark.parametrize("content", [{}, {"Variable": None}, {"Variable": type("Variable", (), {})}])
def test_modules_of_a_librarys_name(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> None:
    """Such as a folder beside the program, or what tests put in the library's place."""
    module = ModuleType("tensorflow")
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    with bridge.audit() as log:
        np.array(bytearray(3))
    assert log.copied_bytes == 3
    assert {name: vars(module)[name] for name in content} == content


def test_globals_that_raise() -> None:
    torch = pytest.importorskip("torch", reason="asks for Tensor.__array__ from C")
    with bridge.audit() as log:
        np.ones(2).dot(torch.ones(2) if proxy is not None else 0)
    assert log.shared_bytes == 8


def test_a_call_at_the_bottom_of_a_thread() -> None:
    """It has no caller to be ascribed to."""

    class Source:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.ones(2)

        def __del__(self) -> None:
            gone.set()

    raised: list[Any] = []
    gone = threading.Event()
    before, sys.unraisablehook = sys.unraisablehook, lambda unraisable: raised.append(unraisable.exc_value)
    try:
        with bridge.audit():
            _thread.start_new_thread(np.asarray, (Source(),))
            assert gone.wait(30)
    finally:
        sys.unraisablehook = before
    assert raised == []


def test_an_audit_that_cannot_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    original, finders = np.asarray, list(sys.meta_path)
    with monkeypatch.context() as patched:
        patched.setattr(installation, "user_modules", lambda: iter(()))
        patched.setattr(ImportHook, "install", interrupted)
        with pytest.raises(KeyboardInterrupt), bridge.audit():
            raise AssertionError("it has started")
    assert np.asarray is original
    assert sys.meta_path == finders


def test_an_audit_that_nobody_ends_is_quiet_at_the_end() -> None:
    """`run_python` fails for what Python says of exceptions that it ignores."""
    run_python("import numpy_bridge as bridge\nopen_audit = bridge.audit()\nopen_audit.__enter__()")


def in_a_pool(call: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(call, [np.ones(3)]))


def in_asyncio(call: Any) -> None:
    async def main() -> None:
        await asyncio.to_thread(call, np.ones(3))

    asyncio.run(main())


def in_a_thread(call: Any) -> None:
    thread = threading.Thread(target=call, args=[np.ones(3)])
    thread.start()
    thread.join()


def in_a_pool_of_multiprocessing(call: Any) -> None:
    with ThreadPool(1) as pool:
        pool.map(call, [np.ones(3)])


def in_no_frame(call: Any) -> None:
    done = threading.Event()

    class Source(np.ndarray):
        def __del__(self) -> None:
            done.set()

    _thread.start_new_thread(call, (np.ones(3).view(Source),))
    assert done.wait(10)


@needs_torch
@pytest.mark.parametrize(
    ("run", "file"),
    [
        (in_a_pool, "concurrent/futures/thread.py"),
        (in_asyncio, "concurrent/futures/thread.py"),
        (in_a_thread, "threading.py"),
        (in_a_pool_of_multiprocessing, "multiprocessing/pool.py"),
        (in_no_frame, "<thread "),
    ],
)
def test_a_call_by_python_itself_has_a_place(run: Any, file: str) -> None:
    with bridge.audit() as log:
        run(torch.tensor)
    (conversion,) = log
    assert file in conversion.place.file
    assert conversion.hidden
    known = threading.enumerate()
    assert not [thread for thread in known if "Dummy" in thread.name]


def test_warnings_as_errors_are_no_errors_of_ours(tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="the command line needs typer")
    (tmp_path / "test_one.py").write_text("import numpy_bridge\ndef test_one(): assert True\n")
    (tmp_path / "plain.py").write_text("print('done')\n")
    for words in (
        [
            "-m",
            "numpy_bridge",
            "audit",
            "-m",
            "pytest",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            "test_one.py",
        ],
        ["-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "test_one.py"],
        ["-W", "error", "-m", "numpy_bridge", "audit", "plain.py"],
        ["-c", "import numpy_bridge, pytest, sys; sys.exit(pytest.main(['-W', 'error', 'test_one.py']))"],
    ):
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert "Warning" not in done.stdout + done.stderr
