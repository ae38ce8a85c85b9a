"""A Dataset of arrays: every sample is normalised with NumPy, and collated by a DataLoader."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
torch.set_num_threads(1)
rng = np.random.default_rng(0)


class Signals(Dataset):
    def __init__(self):
        self.signals = rng.standard_normal((4000, 3, 400)).astype(np.float32)
        self.labels = rng.integers(0, 5, 4000)

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, i):
        x = self.signals[i]
        x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        if rng.random() < 0.5:
            x = x[:, ::-1].copy()
        return torch.from_numpy(x), torch.tensor(self.labels[i])


model = nn.Sequential(
    *(nn.Conv1d(3, 16, 9, stride=2), nn.ReLU(), nn.Conv1d(16, 32, 9, stride=2), nn.ReLU()),
    *(nn.AdaptiveAvgPool1d(8), nn.Flatten(), nn.Linear(256, 5)),
)
optimizer = torch.optim.SGD(model.parameters(), 0.05)
right = 0
for _ in range(2):
    for signals, labels in DataLoader(Signals(), batch_size=32, shuffle=True):
        output = model(signals)
        optimizer.zero_grad()
        nn.functional.cross_entropy(output, labels).backward()
        optimizer.step()
        right += (output.argmax(1).numpy() == labels.numpy()).sum()
print("trained", right > 0)
