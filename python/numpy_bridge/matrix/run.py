"""Probes every cell, also if some of them crash or hang their processes."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from numpy_bridge.outcome import Outcome

from .model import Cell, Consumer, Finding, Producer, libraries_of
from .probe import probe as probe_here
from .worker import READY, Answer, Node, Plan, Task, how_it_ended, hung

LIMIT = 30.0
"""Seconds that a cell may take, on a busy machine and with a library's first operation."""

_STARTING = 120.0  # seconds that the imports before a cell may take
_GRACE = 2.0  # seconds to end in order
_FORKS = sys.platform == "linux"  # system libraries of other platforms do not survive a fork
_ALWAYS_THERE = ("numpy", "python")  # imported by every worker
_TROUBLE = (Outcome.CRASHES, Outcome.HANGS)
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from numpy_bridge.matrix.worker import main; main()"
)
_QUIET = {
    # One thread, since processes with several cannot be forked safely; no preallocated device memory.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def run(
    producers: Sequence[Producer],
    consumers: Sequence[Consumer],
    *,
    limit: float = LIMIT,
    report: Callable[[Cell], None] = lambda cell: None,
    probe: Callable[[Producer, Consumer], Finding] = probe_here,
    workers: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Cell, ...]:
    """Probe each producer with each consumer, each pair in a process of its own.

    Parameters
    ----------
    producers, consumers : sequence
        Their libraries must be installed.
    limit : float, optional
        Seconds that one cell may take.
    report : callable, optional
        Called from this thread with each Cell as soon as it is known.
    probe : callable, optional
        Finds out about a pair: a function of a module. By default it stays in one process, which is forked
        from one with the libraries. Another one gets a fresh process for each pair.
    workers : int, optional
        How many pairs are probed at a time; by default one for each processor.
    environment : mapping, optional
        Variables of the environment for these processes.

    Returns
    -------
    tuple of Cell
        All pairs, producer by producer.
    """
    pairs = [(producer, consumer) for producer in producers for consumer in consumers]
    tasks = [Task(number, *pair) for number, pair in enumerate(pairs)]
    cells: dict[int, Cell] = {}

    def known(answer: Answer) -> None:
        task = tasks[answer.number]
        cells[task.number] = Cell(task.producer, task.consumer, answer.finding)
        report(cells[task.number])

    with _Crew(workers or os.cpu_count(), environment or {}) as crew:
        may_fork = _FORKS and probe is probe_here
        forking = [Plan(root, limit, fork=True) for root in _roots(tasks) if may_fork]
        for answer in crew.carry_out(forking):
            if answer.sure or answer.finding.outcome not in _TROUBLE:
                known(answer)
        left = [task for task in tasks if task.number not in cells]
        for answer in crew.carry_out([Plan(_roots([task])[0], limit, False, probe) for task in left]):
            known(answer)
    return tuple(cells[number] for number in range(len(tasks)))


def _roots(tasks: Iterable[Task]) -> list[Node]:
    """Order tasks by the libraries that they import: trees, heaviest on top."""
    top = Node()
    for task in tasks:
        node = top
        for name in libraries_of(task.producer, task.consumer):
            if name not in _ALWAYS_THERE:
                node = node.below.setdefault(name, Node(name))
        node.tasks.append(task)
    return [*top.below.values(), *([Node(tasks=top.tasks)] if top.tasks else [])]


class _Crew:
    """Workers, `size` of them at a time. All end with the `with` block."""

    def __init__(self, size: int | None, environment: Mapping[str, str]) -> None:
        if not hasattr(os, "killpg"):
            raise NotImplementedError(
                "the matrix needs process groups, which this platform lacks: run it on Linux or macOS"
            )
        self._pool = ThreadPoolExecutor(size)
        self._environment = {**os.environ, **_QUIET, **environment}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._dismissed = False

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._dismissed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        running = tuple(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            _end(process)
        self._pool.shutdown()

    def carry_out(self, plans: Sequence[Plan]) -> Iterator[Answer]:
        """Yield answers as they arrive. A forking worker that dies leaves some out."""
        answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        futures = [self._pool.submit(self._watch, plan, answers) for plan in plans]
        for _ in plans:
            while answer := answers.get():
                yield answer
        for future in futures:
            future.result()

    def _watch(self, plan: Plan, answers: queue.SimpleQueue[Answer | None]) -> None:
        """Start a worker and pass on its answers, then None. End it after too long a silence."""
        try:
            missing = {task.number for task in plan.root.all_tasks()}
            with tempfile.TemporaryFile() as printed, self._worker(plan, printed) as process:
                assert process.stdout is not None
                for line in _lines(process.stdout, plan.limit + _STARTING, plan.limit):
                    if line == READY:
                        continue
                    answer = Answer.from_line(line)
                    missing.discard(answer.number)
                    answers.put(answer)
                if missing and not plan.fork:
                    finding = _why_silent(process, printed, plan.limit)
                    for number in missing:
                        answers.put(Answer(number, True, finding))
        finally:
            answers.put(None)

    @contextlib.contextmanager
    def _worker(self, plan: Plan, printed: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            env=self._environment,
            start_new_session=True,
        )
        self._running.add(process)
        if self._dismissed:  # while it was started
            _end(process)
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(plan, process.stdin)
                process.stdin.flush()
            yield process  # stdin stays open: its end tells the worker that this process has ended
        finally:
            _end(process)
            self._running.discard(process)
            for pipe in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _lines(pipe: IO[bytes], starting: float, ready: float) -> Iterator[str]:
    """Yield complete lines until the pipe ends, or until it is silent for too long.

    That is `starting` seconds while a worker may be importing, and `ready` seconds after its READY.
    """
    begun, patience = b"", starting
    while select.select([pipe], [], [], patience)[0]:
        part = os.read(pipe.fileno(), 1 << 16)
        if not part:
            return
        *lines, begun = (begun + part).split(b"\n")
        for line in map(bytes.decode, lines):
            patience = ready if line == READY else starting
            yield line


def _why_silent(process: subprocess.Popen[bytes], printed: IO[bytes], limit: float) -> Finding:
    try:
        status = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return hung(limit)
    printed.seek(0)
    return how_it_ended(status, printed.read())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker and all its child processes.

    Resource trackers ignore SIGTERM. They remove the shared memory of the others, and then end too: no
    process has the worker's standard input any more.
    """
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with contextlib.suppress(ValueError):  # another thread has ended it
        assert process.stdin is not None
        readers = select.poll()
        readers.register(process.stdin, 0)
        readers.poll(1000 * _GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: only zombies are left
        os.killpg(process.pid, number)
