"""Train on images that the workers of a DataLoader load: every batch is assembled in shared memory.

    python train.py [--workers 4] [--images 2048] [--method fork]

The only line that differs from any other program is `collate_fn=collate`. The program also checks that
batches that are kept do not change, and that nothing is left behind.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import numpy_bridge as bridge
from numpy_bridge.processes import collate

CLASSES = 4
SIDE = 32


class Images(Dataset[dict[str, Any]]):
    """Noisy images of four classes, made by the workers from templates in a block that all of them read."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.templates = bridge.shared_empty((CLASSES, SIDE, SIDE, 3), "uint8")
        random = np.random.default_rng(0)
        bridge.to_numpy(self.templates)[:] = random.integers(0, 128, self.templates.shape)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> dict[str, Any]:
        noise = np.random.default_rng(i).integers(0, 64, (SIDE, SIDE, 3), np.uint8)
        return {
            "image": bridge.to_numpy(self.templates)[i % CLASSES] + noise,
            "label": i % CLASSES,
            "index": i,
        }


def train(loader: DataLoader[dict[str, Any]], epochs: int) -> float:
    """Train a linear classifier, and return the share of images that it got right in the last epoch."""
    torch.manual_seed(0)
    model = torch.nn.Linear(SIDE * SIDE * 3, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    right = seen = 0
    for _ in range(epochs):
        right = seen = 0
        for batch in loader:
            pixels = batch["image"].flatten(1).float().div_(255)
            scores = model(pixels)
            loss = torch.nn.functional.cross_entropy(scores, batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += int((scores.argmax(1) == batch["label"]).sum())
            seen += len(pixels)
    return right / seen


def shared_files() -> set[str]:
    """The names in /dev/shm that are ours: mapped by this process, or named so.

    Not those of other programs, and not the semaphores of queues, which live as long as these.
    """
    mapped = Path("/proc/self/maps").read_text()
    names = {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith("sem.")}
    return {name for name in names if "numpy_bridge" in name or f"/dev/shm/{name}" in mapped}


def main() -> None:
    """Train, and check what was promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--method", default="fork", choices=("fork", "spawn", "forkserver"))
    arguments = parser.parse_args()
    before = shared_files()

    dataset = Images(arguments.images)
    loader = DataLoader(
        dataset,
        batch_size=64,
        num_workers=arguments.workers,
        collate_fn=collate,
        multiprocessing_context=arguments.method if arguments.workers else None,
        persistent_workers=arguments.workers > 0,  # started once, not for each epoch
    )
    start = time.perf_counter()
    accuracy = train(loader, arguments.epochs)
    print(f"{time.perf_counter() - start:.1f} s, {accuracy:.0%} right")

    kept = list(loader)  # all batches of an epoch at once; their memory cannot be used again
    indices = torch.cat([batch["index"] for batch in kept])
    assert indices.tolist() == list(range(arguments.images))
    assert all((batch["label"] == batch["index"] % CLASSES).all() for batch in kept)
    assert torch.equal(kept[0]["image"][0], torch.from_numpy(dataset[0]["image"]))
    kept[0]["image"].zero_()  # batches are ours to write
    del kept, loader
    assert accuracy > 0.9
    assert shared_files() == before
    print("every batch kept its values, and nothing is left in /dev/shm")


if __name__ == "__main__":
    main()
