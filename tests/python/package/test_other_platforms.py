"""The package where Python has less of POSIX: a process that hides what Windows lacks imports and uses it."""

import subprocess
import sys
from textwrap import dedent

import pytest

HIDE = dedent(
    """
    import asyncio, ctypes.util, logging, mmap, multiprocessing.reduction, os, random, select, signal, sys
    import concurrent.futures, multiprocessing.util, subprocess, tempfile, threading, uuid
    import numpy as np

    lacking = ("fcntl", "resource", "pwd", "grp", "termios")
    for name in (*lacking, "torch", "jax", "tensorflow", "ray", "dask", "distributed"):  # these are large
        sys.modules[name] = None  # importing it raises ImportError
    attributes = {
        os: "fork register_at_fork killpg geteuid getuid sysconf pread pwrite memfd_create"
        " O_CLOEXEC O_NOCTTY O_NONBLOCK O_NOFOLLOW",
        select: "poll",
        signal: "SIGKILL",
        mmap: "MAP_PRIVATE MAP_SHARED PROT_READ PROT_WRITE",
    }
    for module, names in attributes.items():
        for name in names.split():
            delattr(module, name)

    import numpy_bridge as bridge

    def reason(call, kind=bridge.SharingError):
        try:
            call()
        except kind as error:
            return str(error)
        raise AssertionError("it was not refused")
    """
)
USES = {
    "modules": """
        import importlib, pkgutil
        posix = "segment named nameless in_flight handle pool batches reserving one_receiver".split()
        for found in pkgutil.walk_packages(bridge.__path__, "numpy_bridge."):
            if found.name.rpartition(".")[2] not in posix and "_cuda" not in found.name:
                try:
                    importlib.import_module(found.name)
                except ImportError as error:
                    assert (error.name or "").partition(".")[0] not in lacking, (found.name, error)
        """,
    "sharing": """
        block = bytearray(8)
        bridge.to_numpy(block)[0] = 7
        assert block[0] == 7 and bridge.shares_memory(block, bridge.view(block))
        """,
    "explain": "assert 'read-only' in str(bridge.explain(b'12345678'))",
    "audit": """
        x = np.arange(9)
        with bridge.audit() as report:
            np.array(x)
        assert len(report.conversions) == 1
        """,
    "no_copies": """
        assert reason(bridge.no_copies()(lambda: np.array(np.arange(9))), bridge.HiddenCopyError)
        """,
    "files": """
        folder = tempfile.mkdtemp()
        path = os.path.join(folder, "x.npy")
        np.save(path, np.arange(6, dtype=np.int32))
        assert bridge.to_numpy(bridge.open_npy(path, mode="r")).tolist() == [0, 1, 2, 3, 4, 5]
        bridge.to_numpy(bridge.open_npy(path, mode="c"))[0] = 9
        assert np.load(path)[0] == 0
        bridge.to_numpy(bridge.open_npy(path, mode="r+"))[0] = 9
        assert np.load(path)[0] == 9
        os.remove(path)
        os.rmdir(folder)
        """,
    "messages": "assert bridge.loads(bridge.dumps(np.arange(9)))[8] == 8",
    "shared blocks": """
        assert "shared memory" in reason(lambda: bridge.shared_empty(3, "float32"))
        """,
    "private": """
        from numpy_bridge.processes.private import private
        assert reason(lambda: private(b"12345678"))
        """,
    "matrix": """
        from numpy_bridge import matrix
        assert "process groups" in reason(lambda: matrix.run([], []), NotImplementedError)
        """,
    "collate": """
        from numpy_bridge.processes import collate
        assert "fcntl" in reason(lambda: collate([1]))
        """,
    "information": "from numpy_bridge import info; assert info.describe()['version']",
}


@pytest.mark.parametrize("use", USES)
def test_what_works_without_posix(use: str):
    program = HIDE + dedent(USES[use])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
