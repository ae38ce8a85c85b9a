"""The libraries that numpy_bridge has rules for. No array library is imported here."""

from __future__ import annotations

import functools
import importlib.util
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass

PYTHON = "python"
"""The name of the standard library, whose objects hold memory too: bytes, array.array, mmap, ..."""


@dataclass(frozen=True)
class Library:
    """One library.

    Parameters
    ----------
    name : str
        What users call it. All reports and options use this name.
    modules : tuple of str, optional
        Top-level modules that its types are defined in; the first is the one that users import. The name
        itself if omitted.
    immutable : tuple of str, optional
        Endings of the names of types that must never be written, even if a protocol offers writable memory.
        An empty ending stands for all types. `libraries/immutable.cpp` has the same rules. Types that mark
        their own memory as read-only are not listed.
    lends_readonly : bool, optional
        True if objects mark their own memory as read-only (copy-on-write). Importers rely on that mark.
    lends_copies : bool, optional
        True if each request for an object's memory makes a copy of its values, except over Arrow's protocol.
        `core/call_key.cpp` names the same modules.
    alignment : int, optional
        Bytes that memory must be aligned to for the library to share it without a copy or a crash.
    cheap_to_ask : bool, optional
        True if an object reports its address without computing, copying or fetching its values.
    """

    name: str
    modules: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    lends_readonly: bool = False
    lends_copies: bool = False
    alignment: int = 1
    cheap_to_ask: bool = False

    def __post_init__(self) -> None:
        if not self.modules:
            object.__setattr__(self, "modules", (self.name,))

    @property
    def installed(self) -> bool:
        """True if the library can be imported. It is searched for, not imported."""
        if self.name == PYTHON:
            return True
        try:
            return importlib.util.find_spec(self.modules[0]) is not None
        except ValueError:  # sys.modules has a stand-in without a spec
            return False

    @property
    def version(self) -> str:
        """The installed version; empty if there is none."""
        if self.name == PYTHON:
            return platform.python_version()
        return _versions().get(self.modules[0], "")

    def is_immutable(self, type_name: str) -> bool:
        """Return whether objects of the library's type `type_name` must never be written."""
        return any(type_name.endswith(ending) for ending in self.immutable)


LIBRARIES: tuple[Library, ...] = (
    Library("numpy", cheap_to_ask=True),
    Library("torch", cheap_to_ask=True),
    Library("jax", ("jax", "jaxlib"), immutable=("",), alignment=64, cheap_to_ask=True),
    Library("tensorflow", immutable=("",), alignment=64, cheap_to_ask=True),
    Library("cupy", cheap_to_ask=True),
    Library("numba"),
    Library("numba_cuda"),
    Library("paddle"),
    Library("mlx"),
    Library("tinygrad"),
    Library("warp"),
    Library("pyarrow", immutable=("Array",), cheap_to_ask=True),
    Library("pandas", immutable=("Index", "SparseArray"), lends_readonly=True, cheap_to_ask=True),
    Library("polars", lends_readonly=True, cheap_to_ask=True),
    Library("xarray", cheap_to_ask=True),
    Library("scipy"),
    Library("awkward", immutable=("",)),
    Library("dask", immutable=("",)),
    Library("zarr"),
    Library("h5py"),
    Library("pillow", ("PIL",), lends_copies=True, cheap_to_ask=True),
    Library("opencv", ("cv2",)),
    Library("onnxruntime"),
    Library("tvm-ffi", ("tvm_ffi",)),
    Library("array-api-strict", ("array_api_strict",)),
    Library("ml_dtypes"),
    Library("numpy_bridge", cheap_to_ask=True),
    Library(PYTHON, cheap_to_ask=True),
)
"""Every library, in the order of reports."""

BY_NAME: Mapping[str, Library] = {library.name: library for library in LIBRARIES}

_BY_MODULE = {module: library for library in LIBRARIES for module in library.modules}


def of_module(module: str) -> Library | None:
    """Return the library that a module belongs to: jax for "jaxlib._jax"; None if it is not in the table."""
    root = module.partition(".")[0]
    return BY_NAME[PYTHON] if root in sys.stdlib_module_names else _BY_MODULE.get(root)


def module_of(kind: object) -> str:
    """Return the module that a class names; empty if it names none, as some types of ctypes."""
    return str(getattr(kind, "__module__", "") or "")


def library_of(x: object) -> str:
    """Return the library that defines the type of `x`; the top-level module if it is not in the table."""
    module = module_of(type(x))
    library = of_module(module)
    return library.name if library else module.partition(".")[0]


def is_instance(x: object, kind: type | tuple[type, ...]) -> bool:
    """Return whether `x` is of a type or a subclass. Unlike `isinstance`, do not believe `x.__class__`."""
    return issubclass(type(x), kind)


def type_name(x: object) -> str:
    """Return the type of `x` with its module: "numpy.ndarray"; without one if it is built in."""
    kind = type(x)
    module = module_of(kind)
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"


@functools.cache
def _versions() -> Mapping[str, str]:
    """Return the version of each installed module. Reading all metadata takes about a second."""
    from importlib import metadata

    found = metadata.packages_distributions()
    return {module: metadata.version(found[module][0]) for module in _BY_MODULE if module in found}
