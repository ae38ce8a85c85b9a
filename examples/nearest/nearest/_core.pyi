from __future__ import annotations
import numpy.typing
import numpy_bridge.typing
import typing
__all__: list[str] = ['Index']
class Index:
    """
    An index of points, which shares their memory.
    """
    def __init__(self, points: typing.Annotated[numpy_bridge.typing.Shareable, "float32, C-contiguous, 2-D, CPU"]) -> None:
        ...
    def __len__(self) -> int:
        ...
    def search(self, queries: typing.Annotated[numpy.typing.ArrayLike, "float32, C-contiguous, 2-D, CPU"], k: typing.SupportsInt | typing.SupportsIndex = 1) -> tuple:
        """
        The rows of the `k` nearest points and their distances, nearest first.
        """
    @property
    def points(self) -> typing.Annotated[numpy_bridge.typing.Shareable, "float32, C-contiguous, 2-D, CPU"]:
        ...
