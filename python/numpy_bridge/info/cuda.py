"""The CUDA kernels: whether they were built, and which devices here can run them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any

HOW_TO_BUILD = (
    "build it where nvcc is in PATH: "
    "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone"
)

_ARCHITECTURE = re.compile(r"(\d+)(\d)[af]?(-real|-virtual)?")


def describe_cuda() -> dict[str, Any]:
    """Describe the CUDA kernels of this wheel, and the devices of this machine.

    Nothing is allocated, and no context created, on any device.

    Returns
    -------
    dict
        ``built``: whether the wheel has kernels. ``toolkit``: the CUDA version that compiled them, "13.0",
        and ``architectures``: what for, as CMake writes it, "90-real" for machine code and "120-virtual" for
        PTX.
        ``driver``: the newest CUDA version that the driver supports, and ``runtime``: that of the runtime
        that is linked in. ``devices``: a dict each, with ``index``, ``name``, ``compute_capability`` ("9.0"),
        ``memory_bytes``, ``multiprocessors`` and ``runs_kernels``, or ``unavailable`` instead of a name.
        ``unavailable``: why no kernel can run here. What is not known is None; so is ``unavailable`` where
        kernels run.
    """
    try:
        module = importlib.import_module("numpy_bridge._cuda")
    except ImportError as error:
        return _without_kernels(error)
    found: dict[str, Any] = {"built": True, **module.info()}
    for device in found["devices"]:
        capability = device.get("compute_capability")
        device["runs_kernels"] = capability is not None and runs_on(found["architectures"], capability)
    found["unavailable"] = _why_not(found)
    return found


def runs_on(architectures: Iterable[str], capability: str) -> bool:
    """Return whether kernels that were compiled for `architectures` run on this compute capability.

    Machine code runs on devices of the same major version and the same or a later minor version; PTX on all
    later ones. Architectures without a number, such as "native", are assumed to fit.

    >>> runs_on(["75-real", "80-real"], "8.9"), runs_on(["75-real", "80-real"], "9.0")
    (True, False)
    """
    major, minor = map(int, capability.split("."))
    for architecture in architectures:
        match = _ARCHITECTURE.fullmatch(architecture)
        if match is None:
            return True
        built = (int(match[1]), int(match[2]))
        if match[3] != "-virtual" and built[0] == major and built[1] <= minor:
            return True
        if match[3] != "-real" and built <= (major, minor):
            return True
    return False


def _without_kernels(error: ImportError) -> dict[str, Any]:
    missing = isinstance(error, ModuleNotFoundError) and error.name == "numpy_bridge._cuda"
    reason = (
        f"this wheel was built without CUDA kernels; {HOW_TO_BUILD}"
        if missing
        else f"the CUDA kernels cannot be loaded: {error}"
    )
    unknown = dict.fromkeys(("toolkit", "architectures", "driver", "runtime"))
    return {"built": not missing, **unknown, "devices": [], "unavailable": reason}


def _why_not(found: dict[str, Any]) -> str | None:
    """Add advice to the CUDA runtime's reason."""
    reason, driver, runtime = found["unavailable"], found["driver"], found["runtime"]
    if reason is not None:
        if driver is None:
            return f"no NVIDIA driver was found ({reason})"
        if reason.startswith("cudaErrorInsufficientDriver"):
            return (
                f"the driver is for CUDA {driver}, the kernels need {runtime}: update the driver ({reason})"
            )
        if reason.startswith("cudaErrorNoDevice"):
            return f"the driver shows no device: see CUDA_VISIBLE_DEVICES ({reason})"
        return str(reason)
    if any(device["runs_kernels"] for device in found["devices"]):
        return None
    built = ", ".join(found["architectures"])
    return f"no device here runs kernels compiled for {built}: build with -DCMAKE_CUDA_ARCHITECTURES=native"
