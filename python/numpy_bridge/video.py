"""Pictures of a video: the planes of PyAV's frames, over FFmpeg's memory."""

from __future__ import annotations

import re
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.pointer import from_pointer


def planes(frame: Any) -> tuple[_core.View, ...]:
    """Share each plane of a frame of PyAV. Lines may be padded: then the strides are larger than the rows.

    Parameters
    ----------
    frame : av.VideoFrame
        Its format says what the planes are: brightness and two colours for "yuv420p", one plane for "rgb24".

    Returns
    -------
    tuple of View
        Of shape (height, width), or (height, width, n) where a pixel has `n` numbers in one plane. FFmpeg may
        read a frame again that it has decoded: call ``frame.make_writable()`` before you write.

    Raises
    ------
    SharingError
        If pixels are not whole bytes, are numbers of a palette, or lie on a device.
    TypeError
        If `frame` is no frame of PyAV.

    Examples
    --------
    >>> import av
    >>> frame = av.VideoFrame(50, 30, "yuv420p")
    >>> [plane.shape for plane in bridge.planes(frame)]
    [(30, 50), (15, 25), (15, 25)]
    >>> bridge.to_numpy(bridge.planes(frame)[0]).strides
    (64, 1)
    """
    from numpy_bridge.libraries import library_of, type_name

    if library_of(frame) != "av" or not hasattr(frame, "to_rgb"):
        raise TypeError(f"expected a VideoFrame of PyAV, got {type_name(frame)}")
    form = frame.format
    itemsize, kind = _element(form)
    if form.is_big_endian and itemsize > 1:
        kind = f">{kind}"
    return tuple(
        _plane(plane, f"{kind}{itemsize}", itemsize, _per_pixel(form, number, itemsize))
        for number, plane in enumerate(frame.planes)
    )


def _element(form: Any) -> tuple[int, str]:
    """Return the bytes of a number, and the kind of numbers of a format."""
    bits = {component.bits for component in form.components}
    if form.has_palette or form.is_bit_stream or not bits or min(bits) < 8 or max(bits) > 32:
        got = "numbers of a palette" if form.has_palette else "parts of a byte"
        raise _refusal(form, got)
    itemsize = 1 if max(bits) == 8 else 2 if max(bits) <= 16 else 4
    return itemsize, "f" if re.search(r"f(16|32)[lb]e$", form.name) else "u"


def _per_pixel(form: Any, plane: int, itemsize: int) -> int:
    """Return how many numbers a pixel has in one plane. Packed pixels may have unused ones."""
    here = [component for component in form.components if component.plane == plane]
    if form.is_planar:
        return len(here)
    count, rest = divmod(form.padded_bits_per_pixel, 8 * itemsize)
    width = max(component.width for component in here)
    if rest or sum(component.width for component in here) > count * width:
        raise _refusal(form, "parts of a number")
    return int(count)


def _plane(plane: Any, dtype: str, itemsize: int, count: int) -> _core.View:
    row = (plane.width, count) if count > 1 else (plane.width,)
    strides = (plane.line_size, count * itemsize, itemsize)[: len(row) + 1]
    memory = _core.view(plane)
    used = plane.line_size * (plane.height - 1) + plane.width * count * itemsize
    if plane.line_size < 0 or used > memory.nbytes:
        expected = f"lines within {memory.nbytes} bytes"
        raise SharingError("av", "line_size", expected, f"{plane.height} lines of {plane.line_size} bytes")
    return from_pointer(
        memory.ptr, (plane.height, *row), dtype, strides=strides, owner=memory, readonly=memory.readonly
    )


def _refusal(form: Any, got: str) -> SharingError:
    expected, hint = (
        "pixels of whole numbers",
        "convert it first, which copies: frame.reformat(format='rgb24')",
    )
    return SharingError("av", "format", expected, f"{form.name}, whose pixels are {got}", hint)
