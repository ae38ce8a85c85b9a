"""Planes of video frames: strided Views over FFmpeg's memory."""

from __future__ import annotations

import doctest
import gc
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import assert_aliases, needs_torch

av: Any = pytest.importorskip("av", reason="PyAV is not installed: nox -s faults")

WIDTH, HEIGHT = 50, 30
FORMATS: dict[str, tuple[str, list[tuple[int, ...]]]] = {
    "yuv420p": ("uint8", [(30, 50), (15, 25), (15, 25)]),
    "nv12": ("uint8", [(30, 50), (15, 25, 2)]),
    "yuva420p": ("uint8", [(30, 50), (15, 25), (15, 25), (30, 50)]),
    "yuyv422": ("uint8", [(30, 50, 2)]),
    "gray": ("uint8", [(30, 50)]),
    "rgb24": ("uint8", [(30, 50, 3)]),
    "rgb0": ("uint8", [(30, 50, 4)]),
    "rgba": ("uint8", [(30, 50, 4)]),
    "gbrp": ("uint8", [(30, 50)] * 3),
    "yuv420p10le": ("uint16", [(30, 50), (15, 25), (15, 25)]),
    "p010le": ("uint16", [(30, 50), (15, 25, 2)]),
    "rgb48le": ("uint16", [(30, 50, 3)]),
    "gray16be": (">u2", [(30, 50)]),
    "grayf32le": ("float32", [(30, 50)]),
    "rgbaf16le": ("float16", [(30, 50, 4)]),
}


def frame(name: str) -> Any:
    made = av.VideoFrame(WIDTH, HEIGHT, name)
    for plane in made.planes:
        plane.update(bytes(plane.buffer_size))
    return made


@pytest.mark.parametrize("name", FORMATS)
def test_planes_of_each_format(name: str) -> None:
    dtype, shapes = FORMATS[name]
    made = frame(name)
    planes = bridge.planes(made)
    assert [(plane.dtype, plane.shape) for plane in planes] == [(dtype, shape) for shape in shapes]
    for view, plane in zip(planes, made.planes, strict=True):
        array = bridge.to_numpy(view)
        array[3, 7] = 9
        at = 3 * plane.line_size + 7 * array.strides[1]
        assert bytes(plane)[at : at + array.strides[1]] == array[3:4, 7:8].tobytes()
        assert sum(map(bool, bytes(plane))) == np.count_nonzero(array.view("u1"))
        assert view.strides[0] == plane.line_size


def test_the_library_reads_what_is_written() -> None:
    made = frame("rgb24")
    (view,) = bridge.planes(made)
    bridge.to_numpy(view)[...] = np.arange(HEIGHT * WIDTH * 3).reshape(HEIGHT, WIDTH, 3)
    assert np.array_equal(made.to_ndarray(), bridge.to_numpy(view))
    assert view.strides == (192, 3, 1)


@needs_torch
def test_tensors() -> None:
    made = frame("rgb24")
    (view,) = bridge.planes(made)
    tensor = bridge.to_torch(view, dims="HWC->CHW")
    assert tuple(tensor.shape) == (3, HEIGHT, WIDTH)
    assert_aliases(tensor, bridge.to_numpy(view, dims="HWC->CHW"))


def test_planes_outlive_their_frame() -> None:
    made = frame("gray")
    (view,) = bridge.planes(made)
    array = bridge.to_numpy(view)
    del made, view
    gc.collect()
    for _ in range(8):
        frame("gray")
    array[...] = 5
    assert array.sum() == 5 * WIDTH * HEIGHT


@pytest.mark.parametrize("name", ["pal8", "monow", "rgb565le", "x2rgb10le", "bayer_rggb8"])
def test_pixels_that_are_no_whole_numbers(name: str) -> None:
    made = av.VideoFrame(WIDTH, HEIGHT, name)
    with pytest.raises(bridge.SharingError, match=f"got {name}, whose pixels are") as caught:
        bridge.planes(made)
    assert caught.value.field == "format"
    assert "frame.reformat" in caught.value.hint


@pytest.mark.parametrize("x", [np.zeros(3), None, "frame"])
def test_what_is_no_frame(x: Any) -> None:
    with pytest.raises(TypeError, match="expected a VideoFrame of PyAV"):
        bridge.planes(x)
    with pytest.raises(TypeError, match="expected a VideoFrame of PyAV"):
        bridge.planes(av.AudioFrame())


def test_examples_of_docstrings() -> None:
    (test,) = doctest.DocTestFinder().find(bridge.planes, globs={"bridge": bridge})
    assert doctest.DocTestRunner().run(test).failed == 0
