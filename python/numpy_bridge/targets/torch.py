"""torch: `to_torch`, and tensors of several blocks of memory: sparse ones, and lists of different lengths."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

try:
    import torch
except ImportError as error:
    text = "torch is not installed; install it with: pip install 'numpy-bridge[torch]'"
    raise ImportError(text) from error  # as the core says it

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .composite import Ragged, Sparse, Taking
from .target import Conversion

_READ_ONLY = (
    "pass copy=True for a writable copy, or call numpy_bridge.to(x, 'torch', allow_readonly=True) "
    "and never write to the result"
)
_COMPRESSED = {
    torch.sparse_csr: ("csr", "crow_indices", "col_indices"),
    torch.sparse_csc: ("csc", "ccol_indices", "row_indices"),
    torch.sparse_bsr: ("bsr", "crow_indices", "col_indices"),
}


def parts(x: Any, copies: bool) -> Sparse | Ragged | None:
    """Return the parts of a sparse or a nested tensor."""
    if not isinstance(x, torch.Tensor):
        return None
    if x.layout is torch.jagged:
        return _ragged_parts(x, copies)
    if x.layout in _COMPRESSED:
        name, begins, indices = _COMPRESSED[x.layout]
        _refuse_dense_axes(x)
        return Sparse(name, tuple(x.shape), x.values(), (getattr(x, begins)(), getattr(x, indices)()))
    if x.layout is torch.sparse_bsc:
        hint = "convert it first: t.to_sparse_csc()"
        raise SharingError("torch", "layout", "csr, csc, bsr or coo", "bsc, which SciPy lacks", hint)
    if x.layout is not torch.sparse_coo:
        return None
    _refuse_dense_axes(x)
    if x.requires_grad and not copies:
        hint = "share t.detach() instead"
        raise SharingError(
            "torch", "requires_grad", "a tensor outside of autograd", "requires_grad = True", hint
        )
    return Sparse("coo", tuple(x.shape), x._values(), (x._indices(),))


def _refuse_dense_axes(x: Any) -> None:
    if x.dense_dim():
        got = f"{x.dense_dim()} dense ones"
        raise SharingError("torch", "dense_dim", "sparse axes only", got, "convert it first: t.to_dense()")


def _ragged_parts(x: Any, copies: bool) -> Ragged:
    if not x.is_contiguous() or x._ragged_idx != 1:
        got, hint = "gaps between the lists, or another order of the axes", "call t.contiguous() first"
        raise SharingError("torch", "layout", "lists that follow each other", got, hint)
    return Ragged.of("torch", x.values(), x.offsets(), copies)


def _to_torch(x: Any, *, copy: bool | None) -> Any:
    try:
        return _core.to_torch(x, copy=copy)
    except SharingError as error:
        if error.field != "readonly":
            raise
        raise SharingError(error.protocol, error.field, error.expected, error.got, _READ_ONLY) from None


def _sparse(x: Sparse, take: Taking) -> Any:
    values = take("values", x.values)
    if x.format != "coo":
        begins, indices = (take("indices", each) for each in x.indices)
        make = getattr(torch, f"sparse_{x.format}_tensor")
        return make(begins, indices, values, size=x.shape, check_invariants=False)
    if not take.copies:
        got = "coo, whose indices are one array for each axis"
        hint = "convert it to one that is shared: x.tocsr(); or pass copy=None"
        raise SharingError("torch", "format", "indices in one block of int64", got, hint)
    indices = torch.from_numpy(np.stack(x.indices).astype(np.int64, copy=False))
    return torch.sparse_coo_tensor(indices, values, x.shape, check_invariants=False)


def _ragged(x: Ragged, take: Taking) -> Any:
    return torch.nested.nested_tensor_from_jagged(take("values", x.values), take("offsets", x.offsets))


TORCH = Conversion(
    "torch",
    _to_torch,
    compose={Sparse: _sparse, Ragged: _ragged},
    lenient=partial(_core.to_torch, allow_readonly=True),
)


def target(kind: type | None) -> Conversion:
    """Return the row; subclasses of Tensor are not made."""
    return TORCH
