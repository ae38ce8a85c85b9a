"""The installation and the machine as a JSON document."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import sys
from typing import Any

import numpy_bridge
from numpy_bridge import _core
from numpy_bridge.libraries import BY_NAME, LIBRARIES, PYTHON

from .cuda import describe_cuda
from .versions import TESTED, newer

SCHEMA = "numpy-bridge/info/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""


def describe() -> dict[str, Any]:
    """Describe the installation, ready for `json.dumps`. Imports no array library but NumPy.

    Returns
    -------
    dict
        ``schema``, ``version``, ``python`` and ``platform`` (text); ``cuda``, see `describe_cuda`;
        ``fast_tensors``, see `describe_fast_tensors`; ``libraries``, see `libraries`; ``tested``, the oldest
        and newest versions that the tests have run with; and ``newer``, those here that are newer.
    """
    installed = libraries()
    return {
        "schema": SCHEMA,
        "version": numpy_bridge.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "cuda": describe_cuda(),
        "fast_tensors": describe_fast_tensors(),
        "libraries": installed,
        "tested": {name: list(versions) for name, versions in TESTED.items()},
        "newer": newer({"python": platform.python_version(), **installed}),
    }


def describe_with_torch() -> dict[str, Any]:
    """Do the same after importing torch, on whose version `fast_tensors` depends."""
    with contextlib.suppress(Exception):  # a torch that cannot be imported is no reason to show nothing
        importlib.import_module("torch")
    return describe()


def describe_fast_tensors() -> dict[str, Any]:
    """Describe whether tensors are read where torch keeps them, rather than through its attributes.

    Returns
    -------
    dict
        ``on``: True or False; None if torch is installed but not imported, since the answer depends on its
        version. ``reason``: why it is not on, or None.
    """
    if _core.reads_tensors_fast():
        return {"on": True, "reason": None}
    if os.environ.get("NUMPY_BRIDGE_FAST_TENSORS") == "0":
        return {"on": False, "reason": "turned off by NUMPY_BRIDGE_FAST_TENSORS=0"}
    if (torch := sys.modules.get("torch")) is not None:  # None blocks its import
        return {"on": False, "reason": f"not found for torch {torch.__version__}"}
    if not BY_NAME["torch"].installed:
        return {"on": False, "reason": "torch is not installed"}
    return {"on": None, "reason": "torch is not imported"}


def libraries() -> dict[str, str]:
    """Return the version of each array library that is installed, by its name in `numpy_bridge.libraries`."""
    ours = (PYTHON, "numpy_bridge")
    return {each.name: each.version for each in LIBRARIES if each.version and each.name not in ours}
