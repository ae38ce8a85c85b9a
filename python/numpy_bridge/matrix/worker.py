"""The worker process, which probes each cell in a process of its own.

Importing PyTorch or TensorFlow takes seconds, forking a process that has done so milliseconds. A plan is a
tree: a node imports one library and forks a process for each of its cells and for each node below it. So a
cell's process has seen the libraries that it needs and no others, and few imports are made twice.

A worker reads its plan from standard input and answers with a line of JSON for each cell on standard output.
`numpy_bridge.matrix.run` watches it and ends it if it hangs.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, NoReturn, TextIO

from numpy_bridge.outcome import Outcome

from .libraries import BY_NAME
from .model import Consumer, Finding, Producer
from .probe import described, one_line, probe

_SIGNALS = {number.value: number.name for number in signal.Signals}


READY = "ready"
"""Printed by a worker that does not fork once a node's library is imported."""


class Task(NamedTuple):
    """One cell to probe; the number is the caller's, to tell answers apart."""

    number: int
    producer: Producer
    consumer: Consumer


@dataclass
class Node:
    """Import `library`, then probe `tasks`, then do the same for each node below."""

    library: str = ""
    tasks: list[Task] = field(default_factory=list)
    below: dict[str, Node] = field(default_factory=dict)

    def all_tasks(self) -> Iterator[Task]:
        """Yield the tasks of this node and of all below it."""
        yield from self.tasks
        for node in self.below.values():
            yield from node.all_tasks()


@dataclass(frozen=True)
class Plan:
    """The task of a worker.

    Parameters
    ----------
    root : Node
        What to import and probe.
    limit : float
        Seconds that a cell may take.
    fork : bool
        True if each cell gets a process of its own. If not, the first crash ends the worker, and only its
        parent can end a cell that hangs.
    probe : callable
        Finds out about a pair: a function of a module, which is sent by its name.
    """

    root: Node
    limit: float
    fork: bool
    probe: Callable[[Producer, Consumer], Finding] = probe


class Answer(NamedTuple):
    """The finding for one cell; not `sure` if forking itself may have caused it."""

    number: int
    sure: bool
    finding: Finding

    def to_line(self) -> str:
        """Return the answer as it is sent."""
        return json.dumps([self.number, self.sure, self.finding.to_dict()])

    @classmethod
    def from_line(cls, line: str) -> Answer:
        """Return the answer of a line."""
        number, sure, finding = json.loads(line)
        return cls(number, sure, Finding.from_dict(finding))


def main() -> None:
    """Run the plan that is sent through standard input."""
    import resource  # which Windows lacks, where no worker is started

    plan = pickle.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # keep the output of libraries out of the answers
    if not plan.fork:  # a forking one keeps the limit by itself, and should have no other thread
        threading.Thread(target=_end_with_parent, daemon=True).start()
    _visit(plan.root, plan, answers)
    os._exit(0)  # skip the libraries' exit handlers


def _end_with_parent() -> None:
    """End this process and its children when the parent has ended, and standard input with it."""
    parent = select.poll()
    parent.register(0, 0)
    parent.poll()
    for number in (signal.SIGTERM, signal.SIGKILL):  # resource trackers ignore the first and clean up
        os.killpg(os.getpid(), number)
        time.sleep(1)


def how_it_ended(status: int, printed: bytes) -> Finding:
    """Return the finding about a process that ended before it answered.

    Parameters
    ----------
    status : int
        As `subprocess.Popen.returncode` has it: the exit status, or a signal's number, negated.
    printed : bytes
        Its standard error.
    """
    end = _SIGNALS.get(-status, f"signal {-status}") if status < 0 else f"exit status {status}"
    text = re.sub(r"\b0x[0-9a-f]+", "0x…", printed.decode(errors="replace"))
    lines = [line for line in text.splitlines() if line.strip()]
    told = re.findall(r"(?:what\(\):|Check failed:).*", text) or lines[-1:]
    return Finding(Outcome.CRASHES, one_line(": ".join((end, *told[:1]))))


def _visit(node: Node, plan: Plan, answers: TextIO) -> None:
    try:
        exec(BY_NAME[node.library].imports if node.library else "", {})
    except Exception as error:
        for task in node.all_tasks():
            _answer(task, Finding(Outcome.UNTRIED, described(error)), plan, answers)
        return
    if not plan.fork:
        print(READY, file=answers, flush=True)
    for task in node.tasks:
        finding = _probe_forked(task, plan) if plan.fork else plan.probe(task.producer, task.consumer)
        _answer(task, finding, plan, answers)
    for below in node.below.values():
        if not plan.fork:
            _visit(below, plan, answers)
        elif (child := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                _visit(below, plan, answers)
            os._exit(0)
        else:
            os.waitpid(child, 0)  # after a crash its cells lack answers, which the parent notices


def _answer(task: Task, finding: Finding, plan: Plan, answers: TextIO) -> None:
    # A lock held by another thread during the fork stays locked in the new process.
    sure = not plan.fork or _threads() == 1
    print(Answer(task.number, sure, finding).to_line(), file=answers, flush=True)


def _probe_forked(task: Task, plan: Plan) -> Finding:
    receiving, sending = os.pipe()
    with tempfile.TemporaryFile() as printed, os.fdopen(receiving, "rb") as pipe:
        child = os.fork()
        if child == 0:
            os.dup2(printed.fileno(), 2)
            _probe_and_end(task, plan, sending)
        os.close(sending)
        content = _within(plan.limit, pipe)
        if content is None:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if content is None:
            return hung(plan.limit)
        if content:
            return Finding.from_dict(json.loads(content))
        printed.seek(0)
        return how_it_ended(status, printed.read())


def hung(limit: float) -> Finding:
    """Return the finding about a process that did not answer within `limit` seconds."""
    return Finding(Outcome.HANGS, f"no answer within {limit:g} seconds")


def _probe_and_end(task: Task, plan: Plan, descriptor: int) -> NoReturn:
    """Run in the forked process: send the finding, then exit without returning to the parent's code."""
    try:
        finding = plan.probe(task.producer, task.consumer)
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(json.dumps(finding.to_dict()).encode())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _within(seconds: float, pipe: BinaryIO) -> bytes | None:
    """Return everything that a pipe yields until its end, or None if that takes longer."""
    deadline = time.monotonic() + seconds
    content = b""
    while select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(pipe.fileno(), 1 << 16)
        if not part:
            return content
        content += part
    return None


def _threads() -> int:
    """Return the number of threads of this process; 2 if it is unknown."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except FileNotFoundError:
        return 2
