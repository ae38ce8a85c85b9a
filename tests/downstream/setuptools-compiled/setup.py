from pybind11.setup_helpers import Pybind11Extension

import numpy_bridge
from numpy_bridge.paths import get_sources
from setuptools import setup

extension = Pybind11Extension(
    "scale",
    ["scale.cpp", *get_sources()],
    include_dirs=[numpy_bridge.get_include()],
    define_macros=[("NUMPY_BRIDGE_COMPILED", None)],
    cxx_std=17,
)
setup(ext_modules=[extension])
