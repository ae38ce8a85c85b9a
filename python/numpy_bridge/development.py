"""Where the C++ library lies: what builds of other extensions ask for."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def get_include() -> str:
    """Return the folder of the C++ headers, for compilers: ``#include <numpy_bridge/pybind11.hpp>``.

    See Also
    --------
    get_cmake_dir : for CMake, which then finds the headers by itself.
    """
    return str(_PACKAGE / "include")


def get_cmake_dir() -> str:
    """Return the folder of the CMake package, for ``-Dnumpy_bridge_DIR=``.

    Builds by scikit-build-core find it without being told.
    """
    return str(_PACKAGE / "share/cmake/numpy_bridge")


def get_pkgconfig_dir() -> str:
    """Return the folder of the pkg-config file, for ``PKG_CONFIG_PATH``."""
    return str(_PACKAGE / "share/pkgconfig")
