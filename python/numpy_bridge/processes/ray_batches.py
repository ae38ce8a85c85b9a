"""Batches of Ray Data as tensors. Importing this imports Ray."""

# mypy: disable-error-code="import-not-found, import-untyped, misc, unused-ignore"

from __future__ import annotations

from typing import Any

import numpy as np
from ray.data.collate_fn import NumpyBatchCollateFn

from numpy_bridge import _core

from .frame import Readonly, arriving
from .reducing import describe, rebuild


class Collate(NumpyBatchCollateFn):
    """Makes tensors of the arrays of a batch. Those over the object store follow a policy; see `loads`."""

    def __init__(self, readonly: Readonly) -> None:
        self.readonly = readonly

    def __call__(self, batch: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
        with arriving(self.readonly):
            return {name: _tensor(array) for name, array in batch.items()}


def _tensor(array: np.ndarray[Any, Any]) -> Any:
    if array.flags.writeable:
        return _core.to_torch(array)
    (frame,), about = describe(_core.to_torch(array, allow_readonly=True))
    return rebuild(about, [_core.view(frame, readonly=True)])
