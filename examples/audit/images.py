"""Prepare pictures for a convolution the way image tutorials do: bytes, HWC to CHW, scaling, a batch.

A comment at the end of a line says what `numpy-bridge audit` must report for it.
"""

from array import array

import numpy as np
import torch
from numpy import asarray

HEIGHT, WIDTH = 8, 6


def read(seed):
    """A picture as a decoder hands it out: bytes."""
    return bytearray((seed * 31 + 7 * i) % 256 for i in range(HEIGHT * WIDTH * 3))


def to_tensor(picture):
    """Channels first, from 0 to 1."""
    channels = torch.from_numpy(picture.transpose(2, 0, 1))  # audit: 5 x shared, 720 bytes
    return channels.contiguous().to(torch.float32).div(255)  # audit: 10 x copied, 3600 bytes


def mirrored(picture):
    """torch has no negative strides, so a mirrored picture has to be put in order first."""
    ordered = np.ascontiguousarray(picture[:, ::-1])  # audit: 1 x copied, 144 bytes
    return torch.from_numpy(ordered)  # audit: 1 x shared, 144 bytes


files = [read(seed) for seed in range(5)]
flat = [np.frombuffer(file, np.uint8) for file in files]  # audit: 5 x shared, 720 bytes
pictures = [pixels.reshape(HEIGHT, WIDTH, 3) for pixels in flat]
batch = torch.stack([to_tensor(picture) for picture in pictures])  # audit: 1 x copied, 2880 bytes
mirror = mirrored(pictures[0])

raw = torch.frombuffer(files[0], dtype=torch.uint8)  # audit: 1 x shared, 144 bytes
raw[0] = 255
assert files[0][0] == 255
assert pictures[0][0, 0, 0] == 255

mean = torch.as_tensor(array("f", [0.5, 0.4, 0.3]))  # audit: 1 x copied, 12 bytes
scale = torch.as_tensor(np.full(3, 0.25), dtype=batch.dtype)  # audit: 1 x copied, 12 bytes
batch = (batch - mean[:, None, None]) / scale[:, None, None]

convolution = torch.nn.Conv2d(3, 4, 3)
with torch.no_grad():
    features = convolution(batch)

maps = asarray(features)  # audit: 1 x shared, 1920 bytes
ranks = asarray(features, dtype=np.float64).mean((2, 3))  # audit: 1 x copied, 3840 bytes
channels_last = features.permute(0, 2, 3, 1)
exported = np.ascontiguousarray(channels_last)  # audit: 1 x copied, 1920 bytes
listed = features[0, 0].tolist()  # audit: 1 x copied, 96 bytes
half = features.to(torch.float16)  # audit: 1 x copied, 960 bytes
again = half.to(torch.float16).cpu()  # audit: 2 x shared, 1920 bytes

print(maps.shape, ranks.shape, exported.shape, len(listed), again.dtype)
