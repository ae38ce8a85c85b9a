"""Sparse matrices of SciPy and torch: every part is shared, both ways, or the part that is not is named."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import assert_aliases, refused

torch = pytest.importorskip("torch", reason="torch is not installed")
sp: Any = pytest.importorskip("scipy.sparse", reason="scipy is not installed: nox -s faults")

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")

CLASSES = [f"{form}_{kind}" for form in ("csr", "csc", "bsr") for kind in ("array", "matrix")]
BEGINS = {"csr": "crow_indices", "csc": "ccol_indices", "bsr": "crow_indices"}
INDICES = {"csr": "col_indices", "csc": "row_indices", "bsr": "col_indices"}
DENSE = np.kron([[1, 0, 2], [0, 3, 0]], np.arange(1, 5).reshape(2, 2))
"""Blocks of 2 x 2."""


def matrix(name: str, dtype: str = "float64", index: str = "int32") -> Any:
    options = {"blocksize": (2, 2)} if name.startswith("bsr") else {}
    made = getattr(sp, name)(DENSE.astype(dtype), **options)
    made.indices, made.indptr = made.indices.astype(index), made.indptr.astype(index)
    return made


def parts_of(tensor: Any, form: str) -> tuple[Any, Any, Any]:
    return tensor.values(), getattr(tensor, BEGINS[form])(), getattr(tensor, INDICES[form])()


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_part_is_shared_there_and_back(name: str, index: str) -> None:
    x = matrix(name, index=index)
    tensor = bridge.to(x, "torch")
    back = bridge.to(tensor, like=x)
    assert tensor.layout is getattr(torch, f"sparse_{x.format}")
    assert np.array_equal(tensor.to_dense(), DENSE)
    assert type(back) is type(x)
    assert (back.shape, back.indices.dtype) == (x.shape, np.dtype(index))
    assert np.array_equal(back.toarray(), DENSE)
    ours = (x.data, x.indptr, x.indices)
    for own, there, again in zip(
        ours, parts_of(tensor, x.format), (back.data, back.indptr, back.indices), strict=True
    ):
        assert_aliases(own, there)
        assert_aliases(own, again)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "complex64", "complex128"])
def test_dtypes_of_both(dtype: str) -> None:
    tensor = torch.from_numpy(DENSE.astype(dtype)).to_sparse_csr()
    x = bridge.to(tensor, "scipy")
    assert type(x) is sp.csr_array
    assert_aliases(x.data, tensor.values())
    assert bridge.to(x, torch).dtype == tensor.dtype


def test_parts_live_on() -> None:
    x = bridge.to(torch.from_numpy(DENSE).to_sparse_csr(), "scipy")
    tensor = bridge.to(matrix("csr_array"), "torch")
    assert np.array_equal(x.toarray(), DENSE)
    assert np.array_equal(tensor.to_dense(), DENSE)


@pytest.mark.parametrize("name", CLASSES)
def test_copies(name: str) -> None:
    x = matrix(name)
    tensor = bridge.to(x, "torch", copy=True)
    again = bridge.to(tensor, like=x, copy=True)
    mine = bridge.to(x, like=x, copy=True)
    x.data[...] = 0
    tensor.values().mul_(2)
    assert np.array_equal(tensor.to_dense(), 2 * DENSE)
    assert np.array_equal(again.toarray(), DENSE)
    assert np.array_equal(mine.toarray(), DENSE)
    assert bridge.to(x, like=x) is x
    assert bridge.to(tensor, torch) is tensor


def test_arrays_and_matrices_of_scipy_share() -> None:
    x = matrix("csr_array")
    other = bridge.to(x, sp.csr_matrix)
    assert type(other) is sp.csr_matrix
    assert_aliases(x.data, other.data)


def coo(*, double: bool = False) -> Any:
    rows, columns = [0, 1, 1, 1 if double else 0], [0, 2, 1, 1 if double else 2]
    return sp.coo_array((np.array([1.0, 2, 3, 4]), (np.array(rows), np.array(columns))), shape=(2, 3))


@pytest.mark.parametrize("double", [False, True])
def test_coo_is_copied_to_torch_and_shared_from_it(double: bool) -> None:
    x = coo(double=double)
    with refused("format", "torch", hint="x.tocsr()"):
        bridge.to(x, "torch")
    tensor = bridge.to(x, "torch", copy=None)
    assert tensor._indices().dtype == torch.int64
    assert np.array_equal(tensor.to_dense(), x.toarray())
    back = bridge.to(tensor, "scipy")
    assert np.array_equal(back.toarray(), x.toarray())
    assert_aliases(back.data, tensor._values())
    back.row[0] = 1
    assert tensor._indices()[0, 0] == 1


def test_the_order_of_scipy_is_not_that_of_coalesced_tensors() -> None:
    by_column = matrix("csc_array").tocoo()
    by_column.sum_duplicates()
    assert by_column.has_canonical_format
    tensor = bridge.to(by_column, "torch", copy=None)
    assert not tensor.is_coalesced()
    assert np.array_equal(tensor.coalesce().to_sparse_csr().to_dense(), DENSE)


def test_coo_of_more_axes() -> None:
    tensor = torch.zeros(2, 3, 4)
    tensor[1, 2, 3] = 5
    assert bridge.to(tensor.to_sparse(), "scipy").toarray()[1, 2, 3] == 5


def unsorted() -> Any:
    return sp.csr_array((np.array([1.0, 2, 3]), np.array([2, 0, 0]), np.array([0, 3])), shape=(1, 3))


@pytest.mark.parametrize("name", CLASSES)
def test_unsorted_indices(name: str) -> None:
    x = matrix(name)
    order = np.r_[1, 0, 2 : len(x.indices)]
    x = type(x)((x.data[order], x.indices[order], x.indptr), shape=x.shape)
    with refused("indices", "scipy", hint="x.sum_duplicates()"):
        bridge.to(x, "torch")
    assert np.array_equal(bridge.to(x, "torch", copy=None).to_dense(), x.toarray())


def test_double_indices_are_refused_or_summed_in_a_copy() -> None:
    x = unsorted()
    with refused("indices", "scipy", hint="x.sum_duplicates()"):
        bridge.to(x, "torch")
    assert bridge.to(x, "torch", copy=None).to_dense().tolist() == [[5, 0, 1]]
    assert x.indices.tolist() == [2, 0, 0]


@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
def test_read_only_parts(part: str) -> None:
    x = matrix("csr_array")
    getattr(x, part).flags.writeable = False
    with pytest.raises(bridge.SharingError, match="allow_readonly=True") as told:
        bridge.to(x, "torch")
    assert told.value.field == "readonly"
    assert ("in its values" if part == "data" else "in its indices") in told.value.got
    allowed = bridge.to(x, "torch", allow_readonly=True)
    x.data.flags.writeable = True
    x.data[0] = 77
    assert allowed.values()[0] == 77
    getattr(x, part).flags.writeable = False
    copied = bridge.to(x, "torch", copy=None)  # that part alone
    shared = dict(zip(("data", "indptr", "indices"), parts_of(copied, "csr"), strict=True))
    assert [name for name, there in shared.items() if not bridge.shares_memory(there, getattr(x, name))] == [
        part
    ]


def sparse(dtype: Any) -> Any:
    return torch.eye(4).to(dtype).to_sparse_csr()


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "bfloat16": (lambda: bridge.to(sparse(torch.bfloat16), "scipy"), "dtype", "bfloat16"),
    "float16": (lambda: bridge.to(sparse(torch.float16), "scipy"), "dtype", "float16"),
    "float8": (lambda: bridge.to(torch_csr(torch.float8_e5m2), "scipy"), "dtype", "float8_e5m2"),
    "autograd": (lambda: bridge.to(sparse(torch.float32).requires_grad_(), "scipy"), "requires_grad", "True"),
    "autograd, coo": (
        lambda: bridge.to(torch.eye(2).to_sparse().requires_grad_(), "scipy"),
        "requires_grad",
        "True",
    ),
    "blocks by column": (lambda: bridge.to(torch.eye(4).to_sparse_bsc((2, 2)), "scipy"), "layout", "bsc"),
    "dense axes": (lambda: bridge.to(torch.ones(2, 3, 2).to_sparse(2), "scipy"), "dense_dim", "1 dense"),
    "a batch": (lambda: bridge.to(torch.ones(2, 3, 3).to_sparse_csr(), "scipy"), "ndim", "(2, 3, 3)"),
    "another class": (lambda: bridge.to(sparse(torch.float32), sp.csc_array), "format", "csr"),
    "a dense array": (lambda: bridge.to(np.eye(2), "scipy"), "layout", "numpy.ndarray"),
    "a dense tensor": (lambda: bridge.to(torch.eye(2), "scipy"), "layout", "torch.Tensor"),
    "no tensor": (lambda: bridge.to(torch.nn.Identity(), "scipy"), "layout", "Identity"),
    "a device": (lambda: bridge.to(sparse(torch.float32), "scipy", device="cuda"), "device", "memory on cpu"),
    "lists": (lambda: bridge.to(coo().tolil(), "torch"), "format", "lil"),
    "diagonals": (lambda: bridge.to(sp.dia_array(np.eye(2)), "torch"), "format", "dia"),
    "one axis": (lambda: bridge.to(sp.csr_array([1.0, 0, 2]), "torch"), "ndim", "(3,)"),
    "longdouble": (lambda: bridge.to(matrix("csr_array", "longdouble"), "torch"), "dtype", "in its values"),
}


def torch_csr(dtype: Any) -> Any:
    begins, columns = torch.tensor([0, 1]), torch.tensor([0])
    return torch.sparse_csr_tensor(begins, columns, torch.ones(1).to(dtype), (1, 1), check_invariants=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    call, field, got = REFUSED[name]
    with pytest.raises(bridge.SharingError) as caught:
        call()
    assert (caught.value.field, got in caught.value.got) == (field, True), caught.value
    assert caught.value.hint


def test_what_has_no_row_for_them() -> None:
    for call in (bridge.view, bridge.to_numpy, bridge.to_torch, lambda x: bridge.to(x, "numpy")):
        with pytest.raises(TypeError, match=r"several blocks of memory\. .*: numpy_bridge\.to\(x, 'torch'\)"):
            call(matrix("csr_array"))
    with pytest.raises(TypeError, match=r"expected a class of scipy\.sparse"):
        bridge.to(sparse(torch.float32), importlib.import_module("scipy.spatial").cKDTree)
