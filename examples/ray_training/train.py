"""Train one model on all workers of a Ray cluster, over one copy of the data for each node.

    pip install numpy-bridge[torch] "ray"
    python train.py [--workers 2] [--steps 30]

The data lies once in the object store of each node. Workers get tensors over that memory, in milliseconds and
whatever its size. They standardize their part in place, as a program would whose data is its own: the kernel
copies the pages that they write, and the stored data never changes. Gradients come back the same way.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ray
import torch

import numpy_bridge as bridge

ROWS, FEATURES = 50_000, 64


@ray.remote(num_cpus=1)
class Worker:
    """Computes gradients on one part of the data."""

    def __init__(self, data: dict[str, torch.Tensor], part: slice) -> None:
        before = own_memory()
        self.points = data["points"][part]
        self.labels = data["labels"][part]
        self.memory = own_memory() - before
        self.points.sub_(self.points.mean(0)).div_(self.points.std(0))  # a private copy of these pages
        self.model = torch.nn.Linear(FEATURES, 1)

    def gradients(self, weights: dict[str, torch.Tensor]) -> tuple[float, list[torch.Tensor]]:
        """Return the loss, and its gradients with these weights."""
        self.model.load_state_dict(weights)
        self.model.zero_grad()
        predicted = self.model(self.points).squeeze(1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(predicted, self.labels)
        loss.backward()
        return loss.item(), [parameter.grad for parameter in self.model.parameters()]

    def memory_of_data(self) -> int:
        """Return the bytes that this process got for itself with the data."""
        return self.memory


def own_memory() -> int:
    """Return the bytes of this process that no other one shares."""
    return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) * 1024


def make_data() -> dict[str, torch.Tensor]:
    """Two clouds of points."""
    torch.manual_seed(0)
    labels = (torch.rand(ROWS) < 0.5).float()
    points = 3 * torch.randn(ROWS, FEATURES) + labels[:, None] + 10
    return {"points": points, "labels": labels}


def train(workers: int, steps: int) -> dict[str, Any]:
    """Train, and return the losses and what the data has cost."""
    data = make_data()
    stored = ray.put(data)
    share = ROWS // workers
    team = [Worker.remote(stored, slice(n * share, (n + 1) * share)) for n in range(workers)]
    model = torch.nn.Linear(FEATURES, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(steps):
        weights = ray.put(model.state_dict())
        results = ray.get([worker.gradients.remote(weights) for worker in team])
        losses.append(sum(loss for loss, _ in results) / workers)
        for parameter, *gradients in zip(model.parameters(), *(each for _, each in results), strict=True):
            parameter.grad = torch.stack(gradients).mean(0)
        optimizer.step()
    unchanged = all(torch.equal(ray.get(stored)[name], data[name]) for name in data)
    memory = ray.get([worker.memory_of_data.remote() for worker in team])
    return {"losses": losses, "unchanged": unchanged, "memory": memory}


def main() -> None:
    """Train on the cluster in RAY_ADDRESS, or on one of this machine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    bridge.ray.register()
    ray.init(runtime_env={"worker_process_setup_hook": "numpy_bridge.ray.register"})
    try:
        result = train(arguments.workers, arguments.steps)
    finally:
        ray.shutdown()
    losses = result["losses"]
    print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}")
    print(f"data {ROWS * (FEATURES + 1) * 4 / 2**20:.1f} MiB, of its own for each worker:", end=" ")
    print(", ".join(f"{size / 2**20:.1f} MiB" for size in result["memory"]))
    print("stored data", "unchanged" if result["unchanged"] else "CHANGED")


if __name__ == "__main__":
    main()
