"""`tree=True`: whole batches and state dicts, in the nested containers that hold them.

optree takes the containers apart and builds new ones. It is imported here, when a tree is first asked for.
`nodes` says which classes are containers. docs/trees.md is the guide.
"""

try:
    import optree as _optree  # noqa: F401
except ImportError as error:
    raise ImportError("tree=True needs optree: pip install 'numpy-bridge[trees]'") from error

from .conversions import to, to_numpy, to_torch, view
from .overlap import shares_memory
from .table import explain

__all__ = ["explain", "shares_memory", "to", "to_numpy", "to_torch", "view"]
