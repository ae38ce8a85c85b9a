"""The installation and the machine as a JSON document."""

from __future__ import annotations

import platform
from typing import Any

import numpy_bridge
from numpy_bridge.libraries import LIBRARIES, PYTHON

from .cuda import describe_cuda

SCHEMA = "numpy-bridge/info/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""


def describe() -> dict[str, Any]:
    """Describe the installation, ready for `json.dumps`. Imports no array library but NumPy.

    Returns
    -------
    dict
        ``schema``, ``version``, ``python`` and ``platform`` (text); ``cuda``, see `describe_cuda`; and
        ``libraries``, see `libraries`.
    """
    return {
        "schema": SCHEMA,
        "version": numpy_bridge.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "cuda": describe_cuda(),
        "libraries": libraries(),
    }


def libraries() -> dict[str, str]:
    """Return the version of each array library that is installed, by its name in `numpy_bridge.libraries`."""
    ours = (PYTHON, "numpy_bridge")
    return {each.name: each.version for each in LIBRARIES if each.version and each.name not in ours}
