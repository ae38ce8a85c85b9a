"""Running a program as `python script.py` or `python -m module` would, inside an audit."""

from __future__ import annotations

import atexit
import builtins
import io
import runpy
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

from . import audit
from .dispatch import Listener
from .install.installation import installation
from .model import AuditLog
from .processes.parts import Parts
from .processes.program import all_processes
from .program.rewriting import rewritten

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT."""

_STARTERS = (__file__, runpy.__file__, "<frozen runpy>")


class Run(NamedTuple):
    """A program that has ended, and the folder that it was started in.

    Parameters
    ----------
    log : AuditLog
        The conversions of all its processes.
    status : int
        Its exit status.
    folder : Path
        Where it was started.
    others : Parts
        What the processes that it started have left, and those that were not watched.
    """

    log: AuditLog
    status: int
    folder: Path
    others: Parts = Parts([], 0, [])


def run(
    arguments: list[str],
    *,
    as_module: bool = False,
    show_progress: bool = False,
    listener: Listener | None = None,
    last: bool = False,
) -> Run:
    """Run a program to its end: by itself, by an exception or by Ctrl-C.

    Parameters
    ----------
    arguments : list of str
        The script or module, and the program's own arguments.
    as_module : bool, default False
        Whether the first is the name of a module, as after ``python -m``.
    show_progress : bool, default False
        Whether to print the numbers so far on stderr now and then.
    listener : callable, optional
        Gets each conversion as well.
    last : bool, default False
        Whether this process ends with the program. Executors that the program left open are ended then, and
        its exit functions are called.
    """
    folder = Path.cwd()
    listening = nullcontext() if listener is None else installation.listening(listener)
    with all_processes() as processes:
        as_python = _as_python_does(arguments, as_module)
        with as_python, listening, audit() as log, installation.rewriting():
            status = _run(log, arguments[0], as_module, show_progress, last)
        parts = processes.merge_into(log)
    return Run(log, status, folder) if parts is None else Run(log, status, folder, parts)


def _run(log: AuditLog, name: str, as_module: bool, show_progress: bool, last: bool) -> int:
    """Run the program, and return its exit status."""
    finished = threading.Event()
    if show_progress:
        threading.Thread(target=_print_progress, args=(log, finished), daemon=True).start()
    try:
        status = _status(name, as_module, last)
        if last:
            _end_processes()
        return status
    finally:
        finished.set()


@contextmanager
def _as_python_does(arguments: list[str], as_module: bool) -> Iterator[None]:
    """Set `sys.argv`, `sys.path` and the main module as Python does for a program."""
    before, main = (sys.argv, list(sys.path)), sys.modules["__main__"]
    first = str(Path.cwd()) if as_module else str(Path(arguments[0]).resolve().parent)
    sys.argv = list(arguments)
    sys.path[0:1] = [first]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before
        sys.modules["__main__"] = main


def _status(name: str, as_module: bool, last: bool) -> int:
    """Run the program and return the exit status that Python would have."""
    try:
        try:
            if as_module:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
            elif Path(name).is_file() and not zipfile.is_zipfile(name):
                _run_script(str(Path(name).absolute()))
            else:
                runpy.run_path(name, run_name="__main__")
            status = 0
        except SystemExit as end:
            status = _status_of(end)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # asyncio.CancelledError, for one
            _print(error)
            status = 1
        if last:
            _end_executors()
        _wait_for_threads()
    except KeyboardInterrupt as error:
        _print(error)
        status = INTERRUPTED
    return status


def _run_script(file: str) -> None:
    """Run a script as the main module.

    Unlike runpy, this keeps the main module afterwards, because threads may still pickle its objects. It also
    makes `__file__` absolute without changing `sys.argv`.
    """
    main = ModuleType("__main__")
    vars(main).update(__file__=file, __builtins__=builtins, __loader__=SourceFileLoader("__main__", file))
    vars(main).update(__cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    with io.open_code(file) as source:
        text = source.read()
    code = rewritten(text, file) or compile(text, file, "exec", dont_inherit=True)
    exec(code, vars(main))


def _end_executors() -> None:
    """End executors, as Python does before it waits for threads: theirs do not end by themselves."""
    callbacks: list[Callable[[], None]] = getattr(threading, "_threading_atexits", [])
    while callbacks:
        callbacks.pop()()


def _end_processes() -> None:
    """Call the exit functions, as Python does: those of multiprocessing wait for processes, or end them."""
    atexit._run_exitfuncs()
    server: Any = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if hasattr(server, "_stop"):
        with suppress(OSError):  # its socket is gone
            server._stop()  # it ends with this process otherwise, too late for its findings


def _wait_for_threads() -> None:
    """Wait for the threads of the program, as Python does at its end."""
    for thread in threading.enumerate():
        if not thread.daemon and thread not in (threading.current_thread(), threading.main_thread()):
            thread.join()


def _status_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def _print(error: BaseException) -> None:
    """Pass an exception to the program's `sys.excepthook`, without the frames that started the program."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in _STARTERS:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def _print_progress(log: AuditLog, finished: threading.Event) -> None:
    """Print one line after 10 s and then ever more rarely, so that the program's output stays readable."""
    elapsed, pause = 0, 10
    while not finished.wait(pause):
        elapsed += pause
        pause = min(2 * pause, 600)
        print(
            f"numpy-bridge audit: {elapsed} s, {len(log):,} conversions, {log.copied_bytes:,} bytes copied; "
            "Ctrl-C ends the program and reports",
            file=sys.stderr,
        )
