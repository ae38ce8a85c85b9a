"""What was built, what this machine has, and why CUDA is unavailable when it is.

>>> from numpy_bridge.info import describe
>>> describe()["libraries"]["numpy"] != ""
True
"""

from __future__ import annotations

from .cuda import describe_cuda
from .document import SCHEMA, describe, libraries

__all__ = ["SCHEMA", "describe", "describe_cuda", "libraries"]
