"""What `out=` sees and says: shapes and dtypes without values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numpy_bridge.errors import SharingError

if TYPE_CHECKING:
    from .declaration import NumpyOp

AS_OUT = "a pair of shape and dtype, or a list of such pairs"


class ArraySpec(NamedTuple):
    """Shape and dtype of an array.

    Parameters
    ----------
    shape : tuple of int
        The extents. They can be symbols while torch traces.
    dtype : numpy.dtype
        The type of the elements, whichever library the array is of.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


def refusal(op: NumpyOp, field: str, expected: str, got: str, hint: str = "") -> SharingError:
    """Return the error of an operation: `got` is said of its function."""
    return SharingError("numpy_op", field, expected, f"{got} in {op.__name__}()", hint)


def has_gradient(dtype: np.dtype[Any]) -> bool:
    """Return whether numbers of this type have gradients: floating point and complex ones, bfloat16 too."""
    return dtype.kind in "fcV"


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """Return NumPy's dtype for one of any library, or for a name."""
    name = dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch.")
    for known in (dtype, name):
        try:
            found: np.dtype[Any] = np.dtype(known)
        except TypeError:
            continue
        return found
    import ml_dtypes

    found = np.dtype(getattr(ml_dtypes, name))
    return found


def declared(op: NumpyOp, inputs: Iterable[Any]) -> list[ArraySpec]:
    """Return what `out=` says of the results, for inputs that are specs or no arrays."""
    said = op.out(*inputs)
    pairs: Sequence[Any] = said if isinstance(said, list) else [said]
    try:
        specs = [ArraySpec(tuple(shape), numpy_dtype(dtype)) for shape, dtype in pairs]
    except (TypeError, ValueError, AttributeError) as error:
        raise refusal(op, "out", AS_OUT, repr(said), "as out=lambda x: (x.shape, x.dtype)") from error
    if not specs:
        raise refusal(op, "out", AS_OUT, "an empty list", "an operation has at least one result")
    return specs
