"""Learn the value of actions from a buffer of past steps, as tutorials on reinforcement learning do.

A comment at the end of a line says what `numpy-bridge audit` must report for it.
"""

import random
from collections import deque

import numpy as np
import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
rng = np.random.default_rng(0)


class Walk:
    """A walk on a line: the state is where one is and how fast, the reward is to be near the middle."""

    def reset(self):
        self.state = rng.normal(size=2).astype(np.float32)  # audit: 1 x copied, 8 bytes
        return self.state

    def step(self, action):
        speed = 0.9 * self.state[1] + (0.1 if action else -0.1)
        position = self.state[0] + speed
        self.state = np.array([position, speed], np.float32)  # audit: 60 x copied, 480 bytes
        return self.state, -abs(float(self.state[0]))


def choose(state):
    """Take the best action, most of the time."""
    global greedy
    if random.random() < 0.2:
        return random.randrange(2)
    greedy += 1
    with torch.no_grad():
        values = network(torch.from_numpy(state))  # audit: {greedy} x shared, {greedy * 8} bytes
    return int(values.numpy().argmax())  # audit: {greedy} x shared, {greedy * 8} bytes


def learn(batch):
    """One step of gradient descent on a batch of past steps."""
    states, actions, rewards, following = zip(*batch, strict=True)
    states = torch.tensor(np.stack(states))  # audit: 10 x copied, 2560 bytes
    following = torch.as_tensor(np.stack(following))  # audit: 5 x copied, 1280 bytes; 5 x shared, 1280 bytes
    actions = torch.LongTensor(actions)  # audit: 5 x copied, 1280 bytes
    rewards = torch.tensor(rewards, dtype=torch.float32)  # audit: 5 x copied, 640 bytes
    values = network(states).gather(1, actions[:, None])[:, 0]  # audit: 5 x copied, 640 bytes
    with torch.no_grad():
        wanted = rewards + 0.9 * target(following).max(1).values
    loss = nn.functional.smooth_l1_loss(values, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach().cpu().numpy()  # audit: 10 x shared, 40 bytes


network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
target = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
walk, steps, losses = Walk(), deque(maxlen=100), []
state, greedy = walk.reset(), 0

for i in range(60):
    action = choose(state)
    following, reward = walk.step(action)
    steps.append((state, action, reward, following))
    state = following
    if i % 12 == 11:
        target.load_state_dict(network.state_dict())
        losses.append(learn(random.choices(steps, k=32)))

weights = [p.detach().clone() for p in network.parameters()]  # audit: 4 x copied, 168 bytes
flat = np.concatenate(weights, axis=None)  # audit: 1 x copied, 168 bytes
print(f"loss {float(losses[-1]):.3f}, {flat.size} weights, {greedy} greedy actions")
