"""Selects the producers and consumers whose libraries are installed and asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from numpy_bridge import libraries

from .consumers import CONSUMERS
from .libraries import BY_NAME, LIBRARIES
from .model import Consumer, Producer
from .producers import PRODUCERS


class UnknownLibraryError(LookupError):
    """The matrix has no library of that name."""


def select(
    *, only: Collection[str] = (), sources: Collection[str] = (), targets: Collection[str] = ()
) -> tuple[tuple[Producer, ...], tuple[Consumer, ...]]:
    """Return the producers and the consumers of installed libraries.

    Parameters
    ----------
    only : collection of str, optional
        Names of libraries; the others are left out on both sides.
    sources, targets : collection of str, optional
        The same for producers alone and for consumers alone.

    Raises
    ------
    UnknownLibraryError
        If there is no library of one of the names.
    """
    require_known({*only, *sources, *targets}, BY_NAME)
    here = {library.name for library in LIBRARIES if library.installed}

    def wanted(library: str, *filters: Collection[str]) -> bool:
        return library in here and all(library in names for names in filters if names)

    producers = tuple(
        producer
        for producer in PRODUCERS
        if wanted(producer.library, only, sources) and here.issuperset(producer.needs)
    )
    return producers, tuple(consumer for consumer in CONSUMERS if wanted(consumer.library, only, targets))


def known_as(name: str) -> str:
    """Return the name of a library that a user calls by another, such as its module's.

    >>> known_as("NumPy"), known_as("cv2"), known_as("PIL")
    ('numpy', 'opencv', 'pillow')
    """
    for library in libraries.LIBRARIES:
        if name.lower() in (each.lower() for each in (library.name, *library.modules)):
            return library.name
    return name


def require_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownLibraryError if one of these names is not known."""
    unknown = set(names) - set(known)
    if unknown:
        raise UnknownLibraryError(
            f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}"
        )
