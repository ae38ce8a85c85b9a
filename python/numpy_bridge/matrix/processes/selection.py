"""Selects the objects and transports whose libraries are installed and asked for."""

from __future__ import annotations

from collections.abc import Collection

from numpy_bridge.matrix.libraries import BY_NAME
from numpy_bridge.matrix.model import Producer
from numpy_bridge.matrix.selection import require_known

from .consumers import TRANSPORTS, Transport
from .producers import PRODUCERS


def select(
    *, sources: Collection[str] = (), targets: Collection[str] = (), clusters: bool = False
) -> tuple[tuple[Producer, ...], tuple[Transport, ...]]:
    """Return the objects and the transports whose libraries are installed.

    Parameters
    ----------
    sources : collection of str, optional
        Names of libraries, whose objects are sent.
    targets : collection of str, optional
        Names of transports. All but clusters by default.
    clusters : bool, optional
        Also those that start a cluster, as if they were named.

    Raises
    ------
    UnknownLibraryError
        If there is no library or transport of one of the names.
    """
    require_known(sources, {producer.library for producer in PRODUCERS})
    require_known(targets, {transport.library for transport in TRANSPORTS})

    def wanted(transport: Transport) -> bool:
        by_default = not transport.cluster and not targets
        asked_for = transport.library in targets or by_default or (clusters and transport.cluster)
        return asked_for and transport.installed

    producers = (
        producer
        for producer in PRODUCERS
        if (not sources or producer.library in sources)
        and all(BY_NAME[name].installed for name in (producer.library, *producer.needs))
    )
    return tuple(producers), tuple(filter(wanted, TRANSPORTS))
