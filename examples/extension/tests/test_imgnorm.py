"""The same function for every library's arrays: values, memory and errors."""

from __future__ import annotations

import threading
import tracemalloc

import imgnorm
import jax.numpy as jnp
import numpy as np
import pytest
import torch

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LIBRARIES = {"numpy": np.asarray, "torch": torch.from_numpy, "jax": jnp.asarray}
VIEWS = {
    "whole": lambda image: image,
    "crop": lambda image: image[3:20, 5:31],
    "every second": lambda image: image[::2, ::2],
    "transposed": lambda image: image.transpose(1, 0, 2),
}


def photo(height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def expected(image: np.ndarray) -> np.ndarray:
    return (image.transpose(2, 0, 1) / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_values(library: str, view: str) -> None:
    image = VIEWS[view](photo())
    given = LIBRARIES[library](image)
    result = imgnorm.normalize(given, MEAN, STD)
    assert type(result) is type(given)
    np.testing.assert_allclose(result, expected(image), atol=1e-5)


def test_mirrored_image() -> None:
    image = photo()[:, ::-1]
    np.testing.assert_allclose(imgnorm.normalize(image, MEAN, STD), expected(image), atol=1e-5)


@pytest.mark.parametrize("make", [np.empty, torch.empty])
def test_writes_into_the_callers_memory(make) -> None:
    image = photo()
    batch = make((2, 3, 24, 32), dtype=torch.float32 if make is torch.empty else np.float32)
    out = batch[1]
    assert imgnorm.normalize(image, MEAN, STD, out=out) is out
    np.testing.assert_allclose(batch[1], expected(image), atol=1e-5)


def test_allocates_nothing_when_given_memory() -> None:
    image, out = photo(480, 640), np.empty((3, 480, 640), np.float32)
    crop = image[1:, 1:]
    part = np.empty((3, 479, 639), np.float32)
    tracemalloc.start()
    imgnorm.normalize(image, MEAN, STD, out=out)
    imgnorm.normalize(crop, MEAN, STD, out=part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000 < image.nbytes


def test_threads_work_side_by_side() -> None:
    image, out = photo(), [np.empty((3, 24, 32), np.float32) for _ in range(4)]
    threads = [threading.Thread(target=imgnorm.normalize, args=(image, MEAN, STD, each)) for each in out]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in out:
        np.testing.assert_allclose(each, expected(image), atol=1e-5)


OUT = np.empty((3, 24, 32), np.float32)
STRIDED = np.empty((3, 24, 64), np.float32)[..., ::2]
TRACKED = torch.zeros(3, 24, 32, requires_grad=True)
REFUSED = {
    "floats": (photo() / 255.0, None, "image: expected uint8", "got float64", "call image.astype(np.uint8)"),
    "grey": (photo()[..., 0], None, "image: expected", "shape (any, any, 3)", "got uint8 (24, 32)"),
    "double out": (photo(), OUT.astype(float), "out: expected float32", "out = out.astype(np.float32)"),
    "strided out": (photo(), STRIDED, "out: expected", "C-contiguous", "strides (6144, 256, 8)"),
    "immutable out": (photo(), jnp.zeros((3, 24, 32)), "out: expected", "writable", "read-only"),
    "tracked out": (photo(), TRACKED, "out: expected", "requires_grad", "t.detach()"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_errors_say_what_to_do(case: str) -> None:
    image, out, *words = REFUSED[case]
    with pytest.raises(TypeError) as error:
        imgnorm.normalize(image, MEAN, STD, out=out)
    assert [word for word in words if word not in str(error.value)] == []


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"out: expected shape \(3, 24, 32\)"):
        imgnorm.normalize(photo(), MEAN, STD, out=np.empty((3, 24, 31), np.float32))
