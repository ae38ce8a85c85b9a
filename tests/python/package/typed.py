"""What type checkers know of the package: mypy and pyright read this file, nothing runs it.

A wrong call has a comment for both of them, and both complain of a comment that nothing needs.
"""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_bridge as bridge
from numpy_bridge.typing import Shareable, SupportsDLPack

if TYPE_CHECKING:
    from typing_extensions import assert_type


def to_numpy(floats: NDArray[np.float32], tensor: torch.Tensor, view: bridge.View) -> None:
    assert_type(bridge.to_numpy(floats), NDArray[np.float32])
    assert_type(bridge.to_numpy(floats, copy=None, dims="HW->WH"), NDArray[np.float32])
    assert_type(bridge.to_numpy(tensor, copy=True), NDArray[Any])
    assert_type(bridge.to_numpy(view), NDArray[Any])
    assert_type(bridge.to_numpy({"a": [tensor]}, tree=True), Any)
    bridge.to_numpy([1, 2])  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    bridge.to_numpy(floats, True)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    bridge.to_numpy(floats, copy="yes")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


def to_torch(floats: NDArray[np.float32]) -> None:
    for x in (floats, b"12345678", bytearray(8), memoryview(b"12"), array.array("d", [1])):
        assert_type(bridge.to_torch(x, allow_readonly=True), torch.Tensor)
    assert_type(bridge.to_torch([floats], tree=True), Any)
    bridge.to_torch(7)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]


def view(tensor: torch.Tensor) -> None:
    shared = bridge.view(tensor)
    assert_type(shared, bridge.View)
    assert_type(memoryview(shared), memoryview[int])
    assert_type(shared[0].reshape(2, -1).cast("uint8"), bridge.View)
    assert_type(bridge.fields(np.zeros(3, "f4,i4"))["f0"].shape, tuple[int, ...])
    np.from_dlpack(shared).sum()


def in_place(floats: NDArray[np.float32], tensor: torch.Tensor) -> None:
    assert_type(bridge.add_(floats, 1), NDArray[np.float32])
    assert_type(bridge.add_(tensor, floats), torch.Tensor)
    assert_type(bridge.copy_(tensor, floats, non_blocking=True), torch.Tensor)
    stream = torch.cuda.current_stream()
    assert_type(bridge.add_(tensor, 1, stream=stream), torch.Tensor)
    assert_type(bridge.view(tensor, stream=stream.cuda_stream), bridge.View)
    bridge.add_(tensor, 1, stream="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    bridge.add_(floats, [1])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def questions(floats: NDArray[np.float32], tensor: torch.Tensor) -> None:
    assert_type(bridge.shares_memory(floats, tensor), bool)
    assert_type(bridge.shares_memory([floats], [tensor], tree=True), bool)
    bridge.explain(floats).targets[0].call.upper()
    bridge.explain(floats, tensor).overlap.kind.upper()


def protocols(tensor: torch.Tensor, floats: NDArray[np.float32], view: bridge.View) -> Shareable:
    one: SupportsDLPack = tensor
    one = floats
    one = view
    return one
