"""Which of two objects was made from the other, and what to change between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from numpy_bridge.libraries import is_instance, type_name
from numpy_bridge.memory.overlap import Overlap

from .model import Description
from .owners import chain


def origin(a: Any, b: Any, shares: bool | None) -> str:
    """Return which of two objects was made from the other; empty if their owners do not show it."""
    if a is b:
        return "a and b are one object"
    from_a, from_b = list(chain(a)), list(chain(b))
    if any(link is b for link in from_a):
        return "a is a view of b"
    if any(link is a for link in from_b):
        return "b is a view of a"
    if from_a[-1] is from_b[-1]:
        return f"both are views of one {type_name(from_a[-1])}"
    if not shares:
        return ""
    for name, links, peer, others in (("a", from_a, "b", from_b), ("b", from_b, "a", from_a)):
        if _allocated(links[-1]) and not _allocated(others[-1]):
            root = "" if links[-1] is links[0] else f"'s owner, a {type_name(links[-1])},"
            return f"{name}{root} allocated the block; {peer} was made over it"
    return "which came first can't be seen: neither names the other"


def _allocated(root: Any) -> bool:
    """Return whether the object is known to have allocated its block."""
    if is_instance(root, np.ndarray):
        return bool(root.flags.owndata)
    if is_instance(root, (bytes, bytearray)):
        return True
    resizable = getattr(root, "resizable", None)
    return callable(resizable) and bool(resizable())


def advice(found: Overlap, of_b: Description, call: str) -> str:
    """Return how to separate or join the two; `call` shares a with the library of b."""
    if found.shares:
        copy = {"numpy": "b.copy()", "torch": "b.clone()"}.get(of_b.library, "bridge.to_numpy(b, copy=True)")
        return f"a write to one is seen in the other; for memory of its own: b = {copy}"
    if found.shares is None:
        return "keep them apart, or make one of them contiguous: then it is decided at once"
    apart = "a write to one is never seen in the other"
    if found.kind == "interleaved":  # parts of one block, apart on purpose
        return apart
    return f"{apart}; to share: b = {call}" if call else ""
