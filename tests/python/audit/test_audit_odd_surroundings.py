"""`audit` among objects that raise when they are looked at, and in places where nobody has called."""

from __future__ import annotations

import _thread
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.install import installation
from numpy_bridge.auditing.install.import_hook import ImportHook
from support import run_python


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
