"""The build, this machine, its array libraries, and whether CUDA can be used.

>>> from numpy_bridge.info import describe
>>> describe()["libraries"]["numpy"] != ""
True
"""

from __future__ import annotations

from .cuda import describe_cuda
from .document import SCHEMA, describe, describe_fast_tensors, libraries

__all__ = ["SCHEMA", "describe", "describe_cuda", "describe_fast_tensors", "libraries"]
