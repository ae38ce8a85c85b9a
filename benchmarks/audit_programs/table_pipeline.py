"""A table of pandas: features by group, then least squares over batches of its values in NumPy and torch."""

import numpy as np
import pandas as pd
import torch

torch.set_num_threads(1)
rng = np.random.default_rng(0)
ROWS, COLUMNS = 60_000, ["a", "b", "c", "d", "e"]
frame = pd.DataFrame(rng.standard_normal((ROWS, 5)), columns=COLUMNS)
frame["group"] = rng.integers(0, 300, ROWS)
frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 30, ROWS), unit="D")

weights = np.zeros(len(COLUMNS) * 2)
for _ in range(7):
    means = frame.groupby("group")[COLUMNS].transform("mean")
    table = pd.concat([frame[COLUMNS] - means, means.add_suffix("_mean")], axis=1)
    rolled = frame.sort_values("day").groupby("group")["a"].rolling(10, min_periods=1).mean()
    table["a_mean"] += rolled.to_numpy()
    for _, part in table.groupby(frame["day"].to_numpy()):
        x = part.to_numpy(dtype=np.float64)
        target = x @ np.arange(10) + rng.standard_normal(len(x))
        for start in range(0, len(x), 256):
            rows = np.arange(start, min(start + 256, len(x)))
            batch, wanted = x[rows], target[rows]
            weights -= 1e-3 * batch.T @ (batch @ weights - wanted) / len(rows)
    solved = torch.linalg.lstsq(torch.as_tensor(x), torch.as_tensor(target)).solution.numpy()
    weights = 0.5 * weights + 0.5 * solved
print("fitted", np.isfinite(weights).all())
