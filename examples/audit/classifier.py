"""Train a small classifier on measurements that live in NumPy, the way many tutorials do.

A comment at the end of a line says what `numpy-bridge audit` must report for it.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
rng = np.random.default_rng(0)


class Measurements(Dataset):
    """Two clouds of points; every sample is converted when it is asked for."""

    def __init__(self, count):
        self.labels = rng.integers(0, 2, count)
        self.points = rng.normal(size=(count, 4)) + self.labels[:, None]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        point = torch.tensor(self.points[index], dtype=torch.float32)  # audit: 192 x copied, 3072 bytes
        label = torch.as_tensor(self.labels[index])  # audit: 192 x copied, 1536 bytes
        return point, label


def standardized(points):
    """Scale every column; torch does the arithmetic on NumPy's memory."""
    table = torch.from_numpy(points)  # audit: 1 x shared, 2048 bytes
    table -= table.mean(0)
    table /= table.std(0)
    return table.numpy()  # audit: 1 x shared, 2048 bytes


data = Measurements(64)
standardized(data.points)
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []

for _ in range(3):
    for points, labels in DataLoader(data, batch_size=16, shuffle=True):  # audit: 24 x copied, 4608 bytes
        loss = torch.nn.functional.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().numpy())  # audit: 12 x shared, 48 bytes

with torch.no_grad():
    everything = torch.tensor(data.points).float()  # audit: 2 x copied, 3072 bytes
    scores = model(everything).softmax(1).cpu().numpy()  # audit: 2 x shared, 1024 bytes
    correct = np.array(model(everything).argmax(1)) == data.labels  # audit: 1 x copied, 512 bytes

print(f"loss {np.mean(losses):.2f}, {correct.mean():.0%} correct, scores {scores.shape}")
