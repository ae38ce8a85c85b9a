"""Starts receiving processes: one function for each way to reach one."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import queue as queues
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

from . import receiver

_STORE = 512 << 20  # bytes of Ray's object store


class Peer(NamedTuple):
    """A receiving process.

    Parameters
    ----------
    ask : callable
        `ask(function, *arguments)` makes a call there and returns its result.
    names : dict
        What the calls of transports use.
    elsewhere : bool
        False if it is this process.
    """

    ask: Callable[..., Any]
    names: dict[str, Any]
    elsewhere: bool = True


class ReceiverEndedError(RuntimeError):
    """The receiving process has ended."""


@contextlib.contextmanager
def here() -> Iterator[Peer]:
    """This process: for messages without a transport."""
    yield Peer(lambda function, *arguments: function(*arguments), {}, elsewhere=False)


@contextlib.contextmanager
def queue(module: str = "multiprocessing") -> Iterator[Peer]:
    """A spawned process that takes from a queue."""
    context = importlib.import_module(module).get_context("spawn")
    questions, answers = context.Queue(), context.Queue()
    questions._on_queue_feeder_error = lambda error, _: answers.put(error)  # as concurrent.futures does
    process = context.Process(target=receiver.serve, args=(questions, answers), daemon=True)
    process.start()

    def answer() -> Any:
        while True:
            try:
                result = answers.get(timeout=0.5)
            except queues.Empty:
                if process.is_alive():
                    continue
                raise ReceiverEndedError(f"the receiver ended with status {process.exitcode}") from None
            if isinstance(result, Exception):
                raise result
            return result

    def ask(function: Callable[..., Any], *arguments: Any) -> Any:
        questions.put(receiver.Question(function, arguments))
        return answer()

    try:
        yield Peer(ask, {"queue": questions, "answer": answer})
    finally:
        process.kill()
        process.join()
        for each in (questions, answers):
            each.close()
            each.join_thread()


def torch_queue() -> contextlib.AbstractContextManager[Peer]:
    """The same with torch.multiprocessing."""
    return queue("torch.multiprocessing")


@contextlib.contextmanager
def executor() -> Iterator[Peer]:
    """A `concurrent.futures.ProcessPoolExecutor` of one spawned process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield _pool(pool)


@contextlib.contextmanager
def loky() -> Iterator[Peer]:
    """The executor of loky, or of the one in joblib."""
    name = "loky" if importlib.util.find_spec("loky") else "joblib.externals.loky"
    pool = importlib.import_module(name).ProcessPoolExecutor(1)
    try:
        yield _pool(pool)
    finally:
        pool.shutdown(kill_workers=True)


def _pool(pool: Any) -> Peer:
    def ask(function: Callable[..., Any], *arguments: Any) -> Any:
        return pool.submit(function, *arguments).result()

    return Peer(ask, {"executor": pool})


@contextlib.contextmanager
def ray_actor() -> Iterator[Peer]:
    """An actor in a cluster of one node on this machine."""
    ray: Any = importlib.import_module("ray")
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=1,
            object_store_memory=_STORE,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        try:
            actor = ray.remote(_Receiver).remote()

            def ask(function: Callable[..., Any], *arguments: Any) -> Any:
                return ray.get(actor.ask.remote(function, *arguments))

            yield Peer(ask, {"ray": ray, "actor": actor})
        finally:
            ray.shutdown()


class _Receiver:
    """The receiver as an actor."""

    def receive(self, x: Any) -> str:
        return receiver.receive(x)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


@contextlib.contextmanager
def dask_worker() -> Iterator[Peer]:
    """A worker process of a Dask cluster on this machine."""
    distributed: Any = importlib.import_module("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with (
        distributed.LocalCluster(**options, memory_limit=0) as cluster,
        distributed.Client(cluster) as client,
    ):
        submit = partial(client.submit, pure=False)

        def ask(function: Callable[..., Any], *arguments: Any) -> Any:
            return submit(function, *arguments).result()

        yield Peer(ask, {"client": client, "submit": submit})
