"""What a wheel must do in an environment with nothing but NumPy: `python -I smoke.py`."""

import os
import pickle
import tempfile
from pathlib import Path

import numpy as np

import numpy_bridge as bridge


def check_sharing() -> None:
    """Both sides see what the other one writes, and overlap is exact."""
    block = bytearray(8)
    array = bridge.to_numpy(block)
    array[0] = 7
    assert block[0] == 7
    x = np.arange(10)
    assert bridge.shares_memory(x[::2], x[4:])
    assert not bridge.shares_memory(x[::2], x[1::2])


def check_kernels() -> None:
    """Sums and copies of every vector unit, in strides and in the other byte order."""
    x = np.arange(1000, dtype=np.complex64).reshape(10, 100)
    assert np.array_equal(bridge.add_(x[:, ::3].copy(), x[:, ::3]), 2 * x[:, ::3])
    swapped = np.zeros((10, 100), ">c8")
    assert np.array_equal(bridge.copy_(swapped, x), x)


def check_features() -> None:
    """explain, audit, a file, a message, and shared memory where there is some."""
    assert "read-only" in str(bridge.explain(b"12345678"))
    with bridge.audit() as report:
        np.array(np.arange(9))
    assert len(report.conversions) == 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.npy")
        np.save(path, np.arange(3))
        mapped = bridge.to_numpy(bridge.open_npy(path, mode="c"))
        mapped[0] = 9
        assert mapped.tolist() == [9, 1, 2]
        del mapped
    assert bridge.loads(bridge.dumps(np.arange(3))).tolist() == [0, 1, 2]
    if os.name == "posix":
        shared = bridge.shared_empty(3, "float32")
        assert bridge.shares_memory(pickle.loads(pickle.dumps(shared)), shared)


if __name__ == "__main__":
    for check in (check_sharing, check_kernels, check_features):
        check()
    print(f"numpy-bridge {bridge.__version__} works with NumPy {np.__version__}")
