"""Reinforcement learning off policy: transitions in float64 arrays, batches by torch.FloatTensor."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
STATE, ACTION, SIZE, BATCH = 17, 6, 10_000, 256
rng = np.random.default_rng(0)


class ReplayBuffer:
    def __init__(self):
        self.state, self.next = np.zeros((SIZE, STATE)), np.zeros((SIZE, STATE))
        self.action, self.reward = np.zeros((SIZE, ACTION)), np.zeros((SIZE, 1))
        self.size = 0

    def add(self, state, action, following, reward):
        i = self.size % SIZE
        self.state[i], self.action[i], self.next[i], self.reward[i] = state, action, following, reward
        self.size += 1

    def sample(self):
        i = rng.integers(0, min(self.size, SIZE), BATCH)
        parts = (self.state, self.action, self.next, self.reward)
        return [torch.FloatTensor(part[i]) for part in parts]


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, outputs)
    )


actor, critic = network(STATE, ACTION), network(STATE + ACTION, 1)
of_actor, of_critic = (torch.optim.Adam(each.parameters(), 3e-4) for each in (actor, critic))
buffer, state = ReplayBuffer(), np.zeros(STATE)
for step in range(500):
    with torch.no_grad():
        action = actor(torch.FloatTensor(state.reshape(1, -1))).cpu().numpy().flatten()
    following = rng.standard_normal(STATE)
    buffer.add(state, action, following, float(action.sum()))
    state = following
    states, actions, nexts, rewards = buffer.sample()
    with torch.no_grad():
        target = rewards + 0.99 * critic(torch.cat([nexts, actor(nexts)], 1))
    loss = nn.functional.mse_loss(critic(torch.cat([states, actions], 1)), target)
    of_critic.zero_grad()
    loss.backward()
    of_critic.step()
    if step % 2 == 0:
        gain = -critic(torch.cat([states, actor(states)], 1)).mean()
        of_actor.zero_grad()
        gain.backward()
        of_actor.step()
print("trained")
