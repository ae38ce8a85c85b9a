from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import numpy_bridge.typing
import typing
__all__: list[str] = ['Biquad']
class Biquad:
    """
    A filter of second order, with the state of its channels.
    """
    def __init__(self, b: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(3)"], a: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(2)"], channels: typing.SupportsInt | typing.SupportsIndex = 1) -> None:
        ...
    def filtered(self, block: typing.Annotated[numpy_bridge.typing.Shareable, "float32 or float64, 1-D or 2-D, CPU"]) -> typing.Any:
        """
        The filtered block, as a new array of its library.
        """
    def process(self, block: typing.Annotated[numpy_bridge.typing.Shareable, "float32 or float64, 1-D or 2-D, writable, CPU"]) -> None:
        """
        Filter a block in place.
        """
    @property
    def state(self) -> numpy.typing.NDArray[numpy.float64]:
        ...
