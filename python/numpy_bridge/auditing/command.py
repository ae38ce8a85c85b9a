"""`numpy-bridge audit`: any program under the audit.

What makes reports is imported when the program has ended.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from numpy_bridge.document import STDOUT, write

from .dispatch import Listener
from .options import Options, options_of
from .run import Run, run
from .scope import Scope

if TYPE_CHECKING:
    from .model import AuditLog, Conversion
    from .pictures import Pictures


def main(words: Sequence[str]) -> int:
    """Do what the words after ``numpy-bridge audit`` say, and return the exit status."""
    options = options_of(words)
    import rich  # noqa: F401 - if it is missing, that is said before the program runs

    alone, process = options.as_json == STDOUT, os.getpid()
    stdout = _take_stdout() if alone else sys.stdout
    listener, pictures, finish = _listener(options)
    done = run(
        options.program,
        as_module=options.as_module,
        show_progress=sys.stderr.isatty(),
        listener=listener,
        last=True,
    )
    if os.getpid() != process:  # forked by the program, which the parent reports
        return done.status
    with _without_collections():
        finish(done.log)
        done = done._replace(log=done.log.within(Scope(options.only_mine, tuple(options.allow))))
        _write(done, options, pictures, stdout)
        if alone:
            stdout.flush()
        else:
            _show(done, options, stdout)
        return _status(done, options)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage meanwhile: if the program has loaded torch, that takes as long as the report."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _listener(options: Options) -> tuple[Listener | None, Pictures | None, Callable[[AuditLog], None]]:
    """Return what listens besides the log, the pictures among it, and what notes its findings in the log."""
    listeners: list[Listener] = []
    pictures, finish = None, lambda log: None
    if options.as_html:
        from .pictures import Pictures

        pictures = Pictures()
        listeners.append(pictures)
    if options.verify:
        from .verification import Verification

        verification = Verification()
        listeners.append(verification)
        finish = verification.finish

    def tell(conversion: Conversion, source: object, result: object) -> None:
        for listener in listeners:
            listener(conversion, source, result)

    return tell if listeners else None, pictures, finish


def _write(done: Run, options: Options, pictures: Pictures | None, stdout: TextIO) -> None:
    """Write the documents and the page that were asked for."""
    words = ["-m", *options.program] if options.as_module else options.program
    if options.as_json:
        from .document import document

        write(document(done, words), options.as_json, stdout)
    if options.as_sarif:
        from .ci.annotations import sarif

        write(sarif([*done.log.hidden, *done.log.transfers], done.folder), options.as_sarif)
    if options.as_html and pictures is not None:
        from .page import html

        options.as_html.write_text(html(done, words, pictures), encoding="utf-8")


def _status(done: Run, options: Options) -> int:
    """Return the exit status, after a sentence on standard error if it is not the program's own."""
    from .ci.limits import Limits

    limits = Limits(
        none=options.fail_on_copy,
        most_bytes=options.max_bytes,
        known=options.known,
        allow_unwatched=options.allow_unwatched,
        most_moved=options.max_transfer_bytes,
    )
    if os.environ.get("GITHUB_ACTIONS") == "true" if options.github is None else options.github:
        from .ci.annotations import github

        print(github(limits.new(done.log, done.folder), done.folder), end="", file=sys.stderr)
    exceeded = limits.exceeded(done.log, done.folder, done.others)
    if done.status or not exceeded:
        return done.status
    _say(f"exit status 1 {exceeded}")
    return 1


def _take_stdout() -> TextIO:
    """Return standard output, and send everything that the process prints to standard error instead."""
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stdout


def _show(done: Run, options: Options, stdout: TextIO) -> None:
    """Print the table, if the program has not closed standard output."""
    if stdout.closed:
        _say("the program closed stdout, so the table cannot be shown")
        return
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="replace")  # a line may have any characters
    from rich.console import Console

    from .terminal import table

    for file in filter(None, (options.as_json, options.as_html, options.as_sarif)):
        print(f"Written to {file}.", file=stdout)
    if done.log.conversions or not done.status:  # nothing is to be said of a program that did not start
        console = Console(file=stdout, highlight=False, emoji=False)  # rich's table of emoji takes a megabyte
        console.print(table(done, show_all=options.show_all))


def _say(text: str) -> None:
    print(f"numpy-bridge audit: {text}", file=sys.stderr)
