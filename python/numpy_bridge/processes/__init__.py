"""Beyond one process: messages whose memory is not copied, and memory that several processes share."""

from .blocks import shared_empty as shared_empty
from .dataloader import collate as collate
from .pickling import Pickler as Pickler
from .pickling import ReducerMixin as ReducerMixin
from .pickling import dumps as dumps
from .pickling import loads as loads
from .pickling import register_reducers as register_reducers
