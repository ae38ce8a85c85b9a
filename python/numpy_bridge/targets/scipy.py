"""SciPy: sparse matrices, over the parts of others. Its dense arrays are NumPy's."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import scipy.sparse as sp

from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import type_name

from .composite import Compose, Sparse, Taking, read
from .numpy import NUMPY
from .target import NUMBERS, check_device

_ARRAYS = {"csr": sp.csr_array, "csc": sp.csc_array, "bsr": sp.bsr_array, "coo": sp.coo_array}
_MATRICES = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "bsr": sp.bsr_matrix, "coo": sp.coo_matrix}
_DTYPES = (NUMBERS - {"float16"}) | {"bool", "longdouble", "complex64", "complex128", "clongdouble"}


def parts(x: Any, copies: bool) -> Sparse | None:
    """Return the parts of a sparse matrix."""
    if not sp.issparse(x):
        return None
    if x.format == "coo":
        return Sparse("coo", x.shape, x.data, tuple(x.coords))
    if x.format not in _ARRAYS:
        hint = "convert it to one of them first: x.tocsr()"
        raise SharingError("scipy", "format", "csr, csc, bsr or coo", x.format, hint)
    if x.ndim != 2:
        raise SharingError(
            "scipy", "ndim", "two axes", f"the shape {x.shape}", "share x.reshape(1, -1) instead"
        )
    if not x.has_canonical_format:
        if not copies:
            expected = "indices that are sorted, and none of them twice"
            hint = "call x.sum_duplicates() first, which changes x, or pass copy=None to copy it"
            raise SharingError("scipy", "indices", expected, "unsorted or double ones", hint)
        x = x.copy()
        x.sum_duplicates()
    return Sparse(x.format, x.shape, x.data, (x.indptr, x.indices))


@dataclass(frozen=True)
class Scipy:
    """The row: a class of matrices, or the array of any format."""

    kind: type | None
    name: str = "scipy"
    alignment: int = 1
    empty: None = None
    compose: Compose | None = None

    def convert(self, x: Any, copy: bool | None, device: str | None, *allowed: bool) -> Any:
        """Share the parts of `x`, or copy them as `copy` says."""
        kinds: Any = self.kind or (sp.sparray, sp.spmatrix)
        if isinstance(x, kinds):
            result = x.copy() if copy else x
        elif (found := read(x, copy is not False)) and isinstance(found, Sparse):
            result = self._composed(found, Taking(NUMPY, copy, (None, *allowed)))
        else:
            hint = "make it sparse first: scipy.sparse.csr_array(x), or x.to_sparse_csr() for tensors"
            raise SharingError("scipy", "layout", "a sparse matrix", type_name(x), hint)
        if device is not None:
            check_device("scipy", "cpu", device)
        return result

    def _composed(self, x: Sparse, take: Taking) -> Any:
        matrices = self.kind is not None and issubclass(self.kind, sp.spmatrix)
        made = (_MATRICES if matrices else _ARRAYS)[x.format]
        if self.kind is not None and not issubclass(made, self.kind):
            expected, hint = f"parts of a {self.kind.__name__}", f"pass like=scipy.sparse.{made.__name__}"
            raise SharingError("scipy", "format", expected, x.format, hint)
        if len(x.shape) != 2 and made is not sp.coo_array:
            hint = "convert each matrix by itself: t[i]"
            raise SharingError("scipy", "ndim", "two axes", f"the shape {x.shape}", hint)
        values = take("values", x.values)
        if values.dtype.name not in _DTYPES:
            expected, hint = "a dtype that scipy.sparse has", "convert it first: t.to(torch.float32)"
            raise SharingError("scipy", "dtype", expected, values.dtype.name, hint)
        indices = [take("indices", each) for each in x.indices]
        # Constructors would copy indices of int64 to int32. So the parts are put into an empty matrix.
        options = {"blocksize": values.shape[1:]} if x.format == "bsr" else {}
        result = made(x.shape, dtype=values.dtype, **options)
        result.data = values
        if x.format == "coo":
            result.coords = tuple(indices[0] if len(indices) == 1 else indices)
        else:
            result.indptr, result.indices = indices
        return result


def target(kind: type | None) -> Scipy:
    """Return the row of a class; without one, that of the array of each format."""
    if kind is not None and not issubclass(kind, sp.sparray | sp.spmatrix):
        raise TypeError(f"like: expected a class of scipy.sparse, got {kind.__name__}")
    return Scipy(kind)
