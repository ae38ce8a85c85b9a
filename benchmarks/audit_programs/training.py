"""A small language model, trained on characters: batches are cut from an array of tokens."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
BLOCK, BATCH, WIDTH, HEADS, WORDS = 32, 16, 96, 4, 65
tokens = np.random.default_rng(0).integers(0, WORDS, 100_000).astype(np.uint16)


def get_batch():
    starts = torch.randint(len(tokens) - BLOCK, (BATCH,))
    x = torch.stack([torch.from_numpy(tokens[i : i + BLOCK].astype(np.int64)) for i in starts])
    y = torch.stack([torch.from_numpy(tokens[i + 1 : i + 1 + BLOCK].astype(np.int64)) for i in starts])
    return x, y


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.heads, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.inner = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.heads(self.first(x)).split(WIDTH, dim=2)
        q, k, v = (part.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for part in parts)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(batch, length, WIDTH))
        return x + self.inner(self.second(x))


model = nn.Sequential(nn.Embedding(WORDS, WIDTH), Block(), Block(), nn.Linear(WIDTH, WORDS))
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
for _ in range(180):
    x, y = get_batch()
    loss = nn.functional.cross_entropy(model(x).view(-1, WORDS), y.view(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("trained")
