"""One cell: send an object to another process, measure what it took, and prove by writing what is shared."""

from __future__ import annotations

import contextlib
import gc
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.matrix.libraries import BY_NAME
from numpy_bridge.matrix.model import Consumer, Finding, Producer, libraries_of
from numpy_bridge.matrix.passage import Passage
from numpy_bridge.matrix.probe import described
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import Number, by_writing, shown

from . import peers, receiver
from .column import Column
from .consumers import Transport
from .producers import ROWS
from .resident import Growth

NBYTES = 16 << 20
"""Bytes of an object of float32: enough that one copy stands out."""

_FIRST = 1 << 18  # bytes of the object that is sent before: too large for the short cuts of transports
_ENDED = ("ActorDiedError", "KilledWorker", "WorkerCrashedError")  # of Ray and Dask


def probe(producer: Producer, transport: Consumer, nbytes: int = NBYTES) -> Finding:
    """Return what came of sending an object of `producer`. The receiving process is started and ended.

    A smaller object goes first, so that what is imported or connected once is not measured.
    """
    assert isinstance(transport, Transport)
    try:
        return _probe(producer, transport, nbytes)
    finally:
        gc.collect()  # queues remove their semaphores when they go


def _probe(producer: Producer, transport: Transport, nbytes: int) -> Finding:
    scope: dict[str, Any] = {"np": np, "bridge": bridge, "pickle": pickle, "receive": receiver.receive}
    with contextlib.ExitStack() as at_end:
        scope["at_end"] = at_end.callback
        try:
            for name in libraries_of(producer, transport):
                exec(BY_NAME[name].imports, scope)
            first, x = (_made(producer, scope, size) for size in (min(_FIRST, nbytes), nbytes))
            peer = at_end.enter_context(getattr(peers, transport.peer)())
            scope |= peer.names
            exec(transport.prepare, scope)
        except Exception as error:
            return Finding(Outcome.UNTRIED, described(error))
        try:
            _send(first, transport, peer, scope)
            passage, there = _send(x, transport, peer, scope)
        except Exception as error:
            return _failed(error)
        return _compared(producer, x, peer, passage, there)


def _made(producer: Producer, scope: dict[str, Any], nbytes: int) -> Any:
    own = {**scope, "n": nbytes // (4 * ROWS)}
    exec(producer.code, own)
    return own["x"]


def _send(
    x: Any, transport: Transport, peer: peers.Peer, scope: dict[str, Any]
) -> tuple[Passage, receiver.Report]:
    code = compile(transport.call, "<transport>", "exec")
    peer.ask(receiver.begin, transport.receive)
    growth = Growth()
    start = time.perf_counter()
    exec(code, {**scope, "x": x})
    seconds = time.perf_counter() - start
    here = growth.bytes()
    there = peer.ask(receiver.report)
    of_receiver = there.grown if peer.elsewhere else 0
    return Passage(int(x.nbytes), here, of_receiver, seconds, there.readonly), there


def _failed(error: Exception) -> Finding:
    """Return the finding about a call that raised: the receiver may have ended."""
    error = getattr(error, "cause", None) or error  # Ray wraps what a task raises
    ended = isinstance(error, (BrokenExecutor, peers.ReceiverEndedError)) or type(error).__name__ in _ENDED
    return Finding(Outcome.CRASHES if ended else Outcome.REFUSES, described(error))


def _compared(
    producer: Producer, x: Any, peer: peers.Peer, passage: Passage, there: receiver.Report
) -> Finding:
    source = Column(x, producer.write)
    held = source.read()
    if receiver.contents(x) != there.contents:
        why = f"other values have arrived, such as {shown(peer.ask(receiver.read))} for {shown(held)}"
        return Finding(Outcome.WRONG, why, there.dtype, passage=passage)
    outcome, why = by_writing(source, _Remote(peer.ask), held, producer.readonly)
    return Finding(outcome, why, there.dtype, passage=passage)


class _Remote:
    """The receiver's side of the proof."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def read(self) -> Sequence[Number]:
        values: Sequence[Number] = self._ask(receiver.read)
        return values

    def write(self, values: Sequence[Number]) -> bool:
        return bool(self._ask(receiver.write, list(values)))
