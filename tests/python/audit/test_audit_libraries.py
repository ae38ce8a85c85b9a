"""What an audit says of libraries other than NumPy and torch. `nox -s producers` installs them."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import warnings
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

torch = pytest.importorskip("torch", reason="half of these go to torch")


def names(*libraries: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"np": np, "torch": torch, "bridge": bridge, "tempfile": tempfile}
    for name in libraries:
        try:
            scope[name.rpartition(".")[2] if name != "jax.numpy" else "jnp"] = importlib.import_module(name)
        except ImportError:
            pytest.skip(f"{name} is not installed: nox -s producers")
    return scope


JAX, ARROW, PANDAS, POLARS = ("jax.numpy", "jax.dlpack", "jax"), ("pyarrow",), ("pandas",), ("polars",)
SAME = "the same memory"
TO_JAX = "bridge.to_jax(x, allow_mutable=True)"
ROWS: list[tuple[tuple[str, ...], str, str, str, str, str]] = [
    # libraries, x, call, outcome, reason, what shares
    (JAX, "jnp.ones(64)", "np.asarray(x)", "shared", SAME, ""),
    (JAX, "jnp.ones(64)", "np.from_dlpack(x)", "shared", SAME, ""),
    (JAX, "jnp.ones(64)", "torch.from_dlpack(x)", "shared", SAME, ""),
    (
        *(JAX, "jnp.ones(64)", "np.array(x)", "copied"),
        *("np.array copies unless it is told not to", "bridge.to_numpy(x)"),
    ),
    (
        *(JAX, "jnp.ones(64)", "torch.tensor(x)", "copied"),
        *("torch.tensor always copies", "bridge.to_torch(x, allow_readonly=True)"),
    ),
    (
        *(JAX, "torch.ones(64)", "jnp.asarray(x)", "copied"),
        *("jnp.asarray copies memory of torch, even where jax could share it", TO_JAX),
    ),
    (
        *(JAX, "torch.ones(64)", "jnp.array(x)", "copied"),
        *("jnp.array copies unless it is told not to", TO_JAX),
    ),
    (JAX, "torch.ones(64)", "jax.dlpack.from_dlpack(x)", "shared", SAME, ""),
    (ARROW, "np.ones(3)", "pyarrow.array(x)", "shared", SAME, ""),
    (ARROW, "pyarrow.array(np.ones(3))", "np.asarray(x)", "shared", SAME, ""),
    (ARROW, "np.memmap(tempfile.TemporaryFile(), shape=(8,))", "pyarrow.array(x)", "shared", SAME, ""),
    (ARROW, "np.zeros(3, 'M8[s]')", "pyarrow.array(x)", "shared", SAME, ""),
    (
        *(ARROW, "np.zeros(3, 'M8[D]')", "pyarrow.array(x)", "copied"),
        *("the dtype changes from datetime64[D] to date32[day]", ""),
    ),
    (
        *(ARROW, "np.memmap(tempfile.TemporaryFile(), bool, shape=(8,))", "pyarrow.array(x)", "copied"),
        *("Arrow keeps a bit for each bool", ""),
    ),
    (
        *(ARROW, "np.array(['some', 'text'])", "pyarrow.array(x)", "copied"),
        *("the dtype changes from str128 to string", ""),
    ),
    (
        *(ARROW, "np.array([1, None])", "pyarrow.array(x)", "copied"),
        *("the dtype changes from object to int64", ""),
    ),
    (ARROW, "pyarrow.array(np.zeros(3, 'M8[s]'))", "np.asarray(x)", "shared", SAME, ""),
    (
        *(PANDAS, "pandas.Series(np.zeros(3, 'M8[s]'))", "np.array(x)", "copied"),
        *("np.array copies unless it is told not to", "np.asarray(x)"),
    ),
    (
        *(ARROW, "pyarrow.array([True, False])", "np.asarray(x)", "copied"),
        *("pyarrow bool has no memory to share: its values are put together", ""),
    ),
    (
        *(ARROW, "pyarrow.chunked_array([[1, 2], [3]])", "np.asarray(x)", "copied"),
        *("pyarrow int64 has no memory to share: its values are put together", ""),
    ),
    (ARROW, "pyarrow.array(np.ones(3, np.float32))", "torch.Tensor(x)", "shared", SAME, ""),
    (ARROW, "pyarrow.array(np.ones(3, np.float32))", "torch.FloatTensor(x)", "shared", SAME, ""),
    (
        *(ARROW, "pyarrow.array(np.ones(3, np.float32))", "torch.tensor(x)", "copied"),
        *("torch.tensor always copies", "bridge.to_torch(x, allow_readonly=True)"),
    ),
    (ARROW, "pyarrow.array(np.ones(3))", "torch.utils.dlpack.from_dlpack(x)", "shared", SAME, ""),
    (PANDAS, "pandas.Series(np.zeros(3, 'M8[s]'))", "np.asarray(x)", "shared", SAME, ""),
    (PANDAS, "pandas.Series(np.ones(3))", "np.asarray(x)", "shared", SAME, ""),
    (
        *(PANDAS, "pandas.DataFrame({'a': [1], 'b': [2.5]})", "np.asarray(x)", "copied"),
        *("pandas.DataFrame has no memory to share: its values are put together", ""),
    ),
    (
        *(PANDAS, "pandas.Series(np.ones(3))", "torch.tensor(x)", "copied"),
        *("torch.tensor always copies", "bridge.to_torch(x, allow_readonly=True)"),
    ),
    (POLARS, "polars.Series([1.0, 2.0])", "np.asarray(x)", "shared", SAME, ""),
    (
        *(POLARS, "polars.Series([1.0, 2.0])", "np.array(x)", "copied"),
        *("np.array copies unless it is told not to", "bridge.to_numpy(x)"),
    ),
    (
        *(POLARS, "polars.Series([1.0, None])", "np.asarray(x)", "copied"),
        *("polars float64 has no memory to share: its values are put together", ""),
    ),
]


@pytest.mark.parametrize(
    ("libraries", "setup", "call", "outcome", "reason", "alternative"),
    ROWS,
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_verdict(
    libraries: tuple[str, ...], setup: str, call: str, outcome: str, reason: str, alternative: str
) -> None:
    scope = names(*libraries)
    scope["x"] = x = eval(setup, scope)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with bridge.audit() as log:
            result = eval(compile(call, "<call>", "eval"), scope)
    (conversion,) = log
    assert (conversion.outcome, conversion.reason) == (outcome, reason)
    assert conversion.alternative == alternative
    assert shares(x, result) == (outcome == "shared")
    if alternative:
        assert shares(x, eval(alternative, scope))


def shares(x: Any, result: Any) -> bool:
    """Write through one side, although both may be immutable, and read from the other."""
    sides = [bytes_of(side) for side in (x, result)]
    if sides[0] is None or sides[1] is None:
        return False
    pointer = bridge.from_pointer(sides[1].ctypes.data, sides[1].shape, "uint8", owner=result)
    before = sides[0].copy()
    view = np.asarray(pointer)
    kept = view.copy()
    view[...] += 1
    seen = not np.array_equal(sides[0], before)
    view[...] = kept
    return seen


def bytes_of(x: Any) -> np.ndarray[Any, Any] | None:
    if str(getattr(x, "type", "")).startswith("timestamp"):  # of Arrow
        x = x.buffers()[1]
    elif str(getattr(x, "dtype", "")).startswith("datetime64"):
        x = np.asarray(x).view(np.int64)
    elif str(getattr(x, "dtype", "")) == "object":
        return None
    try:
        array = bridge.to_numpy(x)
    except bridge.SharingError:
        return None
    return np.lib.stride_tricks.as_strided(array, (array.size,), (array.itemsize,)).view(np.uint8)


@pytest.mark.parametrize("call", ["pandas.Series(x)", "pandas.DataFrame(x)"])
def test_pandas_takes_tensors_through_numpy(call: str) -> None:
    scope = names(*PANDAS)
    scope["x"] = torch.ones(3)
    with bridge.audit() as log:
        eval(call, scope)
    assert [(c.call, c.outcome) for c in log] == [("np.asarray", "shared")]
    assert next(iter(log)).place.through.startswith("pandas.")


def test_pandas_own_names_do_not_count() -> None:
    scope = names(*PANDAS)
    with bridge.audit() as log:
        scope["pandas"].DataFrame({"x": np.ones(2), "y": np.ones(2)})[["x", "y"]]
    assert list(log) == []


def test_an_object_that_might_compute_is_not_asked_again() -> None:
    class Computed:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
            calls.append(1)
            return np.ones(2)

    calls: list[int] = []
    with bridge.audit() as log:
        np.asarray(Computed())
    assert len(calls) == 1
    assert next(iter(log)).outcome == "unknown"
    assert "might compute it anew" in next(iter(log)).reason


@pytest.mark.parametrize("imported", ["before", "inside"])
def test_numba_compiles_inside_an_audit_and_after(imported: str) -> None:
    names("numba")
    code = f"""
import numpy as np, numpy_bridge as bridge
if {imported == "before"}: import numba

def run(n):
    import numba
    return numba.njit(lambda n: np.array([1.0, n]).sum() + np.asarray(np.ones(2)).sum())(n)

with bridge.audit() as log:
    assert run(2.0) == 5
    np.array(bytearray(8))
assert log.copied_bytes == 8
assert run(2.0) == 5
"""
    subprocess.run([sys.executable, "-c", code], check=True)
