from .nanobind_example_ext import __doc__ as __doc__
from .nanobind_example_ext import add as add
from .nanobind_example_ext import scale as scale
