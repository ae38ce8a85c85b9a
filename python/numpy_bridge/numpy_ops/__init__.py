"""`numpy_op`: NumPy code as an operation of torch and jax. Neither is imported here."""

from .declaration import NumpyOp as NumpyOp
from .declaration import numpy_op as numpy_op
