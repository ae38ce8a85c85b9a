"""The folders of the C++ library, for builds of other extensions."""

from __future__ import annotations

import os  # pathlib takes longer to import than all of this package

_PACKAGE = os.path.dirname(__file__)  # noqa: PTH120


def get_include() -> str:
    """Return the folder of the C++ headers, for compilers: ``#include <numpy_bridge/pybind11.hpp>``.

    See Also
    --------
    get_cmake_dir : for CMake, which then finds the headers.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path(bridge.get_include(), "numpy_bridge/pybind11.hpp").is_file()
    True
    """
    return f"{_PACKAGE}/include"


def get_sources() -> list[str]:
    """Return the C++ files to compile once into an extension that defines ``NUMPY_BRIDGE_COMPILED``.

    Without them and without that macro, each source file of the extension compiles what it includes. Which is
    quicker depends on their number. CMake decides by itself.

    Examples
    --------
    >>> from pathlib import Path
    >>> from numpy_bridge.paths import get_sources
    >>> [Path(source).name for source in get_sources()]
    ['base.cpp', 'call.cpp', 'rest.cpp']
    """
    folder = f"{_PACKAGE}/engine/units"
    return [f"{folder}/{name}" for name in sorted(os.listdir(folder))]  # noqa: PTH208 (see above)


def get_cmake_dir() -> str:
    """Return the folder of the CMake package, for ``-Dnumpy_bridge_DIR=``.

    Builds with scikit-build-core find it without this.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path(bridge.get_cmake_dir(), "numpy_bridgeConfig.cmake").is_file()
    True
    """
    return f"{_PACKAGE}/share/cmake/numpy_bridge"


def get_pkgconfig_dir() -> str:
    """Return the folder of the pkg-config file, for ``PKG_CONFIG_PATH``."""
    return f"{_PACKAGE}/share/pkgconfig"
