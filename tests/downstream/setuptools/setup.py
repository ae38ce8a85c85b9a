from pybind11.setup_helpers import Pybind11Extension

import numpy_bridge
from setuptools import setup

extension = Pybind11Extension("scale", ["scale.cpp"], include_dirs=[numpy_bridge.get_include()], cxx_std=17)
setup(ext_modules=[extension])
