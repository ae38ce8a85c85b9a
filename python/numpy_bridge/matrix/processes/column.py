"""The first element of each row of an object, read and written by the object's own library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.libraries import library_of
from numpy_bridge.matrix.libraries import BY_NAME
from numpy_bridge.sharing import Number


class Column:
    """One side of a proof by writing: eight elements that lie all over the memory.

    Parameters
    ----------
    x : object
        An array, tensor or View with two axes.
    write : str, optional
        A statement that writes the list `values` to the object `whole`; as in Library if omitted.
    """

    def __init__(self, x: Any, write: str = "") -> None:
        self._whole = np.asarray(x) if isinstance(x, bridge.View) else x
        library = BY_NAME[library_of(self._whole)]
        self._read, self._write = library.read, write or library.write
        self._names: dict[str, Any] = {"np": np, "bridge": bridge}
        exec(library.imports, self._names)  # the program has imported it, since `x` is of it

    def _scope(self) -> dict[str, Any]:
        return {**self._names, "whole": self._whole, "x": self._whole[:, 0]}

    def read(self) -> list[Number]:
        """Return the elements."""
        return list(eval(self._read, self._scope()))

    def write(self, values: Sequence[Number]) -> bool:
        """Write the elements and return whether that worked."""
        if not self._write:
            return False
        try:
            exec(self._write, {**self._scope(), "values": list(values)})
        except Exception:
            return False
        return self.read() == list(values)
