"""The fields of records, as memory of their own."""

from __future__ import annotations

from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError


def fields(x: Any) -> dict[str, _core.View]:
    """Share each field of an array of records.

    torch and most libraries have no records. A field is plain memory with strides, which they can share.

    Parameters
    ----------
    x : object
        An array, View or buffer with a structured dtype.

    Returns
    -------
    dict of str to View
        By name, in the order of the dtype; titles are no names. A field that is an array has its axes at the
        end. A field of records is a View of records. Fields of read-only memory are read-only.

    Raises
    ------
    SharingError
        If the elements have no fields, or if `x` cannot be shared.

    Examples
    --------
    >>> import numpy as np
    >>> import numpy_bridge as bridge
    >>> points = np.zeros(3, [("x", "f4"), ("id", "i8")])
    >>> shared = bridge.fields(points)
    >>> shared["x"]
    <numpy_bridge.View float32 (3,) on cpu, of numpy.ndarray>
    >>> bridge.to_numpy(shared["x"])[:] = 1
    >>> points["x"].tolist()
    [1.0, 1.0, 1.0]
    """
    records = _core.to_numpy(x)
    if not records.dtype.names:
        hint = "share x itself: numpy_bridge.view(x)"
        raise SharingError("fields", "dtype", "elements with fields", str(records.dtype), hint)
    return {name: _core.view(records[name]) for name in records.dtype.names}
