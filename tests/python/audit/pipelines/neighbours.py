"""kNN classifier, k-means and cross validation in NumPy."""

import numpy as np

rng = np.random.default_rng(0)
X = np.vstack([rng.normal(c, 1.0, (80, 5)) for c in (-2, 0, 2)])  # audit: 1 x copied, 9600 bytes
y = np.repeat(np.arange(3), 80)  # audit: 1 x copied, 1920 bytes
perm = rng.permutation(len(X))
X, y = X[perm], y[perm]  # audit: 2 x copied, 11520 bytes


class KNN:
    def __init__(self, k=5):
        self.k = k

    def fit(self, X, y):
        self.X = np.asarray(X, dtype=np.float64)  # audit: 5 x shared, 38400 bytes
        self.y = np.array(y)  # audit: 5 x copied, 7680 bytes
        return self

    def predict(self, Q):
        Q = np.ascontiguousarray(Q)  # audit: 5 x shared, 9600 bytes
        d2 = (Q**2).sum(1)[:, None] + (self.X**2).sum(1)[None] - 2 * Q @ self.X.T
        idx = np.argpartition(d2, self.k, axis=1)[:, : self.k]
        votes = self.y[idx]  # audit: 5 x copied, 9600 bytes
        best = [np.bincount(v, minlength=3).argmax() for v in votes]
        return np.array(best)  # audit: 5 x copied, 1920 bytes


def folds(n, k):
    order = rng.permutation(n)
    for part in np.array_split(order, k):
        m = np.ones(n, bool)
        m[part] = False
        yield np.flatnonzero(m), part


scores = []
for tr, te in folds(len(X), 5):
    p = KNN().fit(X[tr], y[tr]).predict(X[te])  # audit: 15 x copied, 55680 bytes
    scores.append((p == y[te]).mean())  # audit: 5 x copied, 1920 bytes

mu, sd = X.mean(0), X.std(0)
Z = (X - mu) / sd
Z32 = Z.astype("float32")  # audit: 1 x copied, 4800 bytes
again = Z32.astype(np.float32)  # audit: 1 x copied, 4800 bytes
C = Z[rng.choice(len(Z), 3, replace=False)].copy()  # audit: 2 x copied, 240 bytes
for _ in range(10):
    lab = ((Z[:, None] - C[None]) ** 2).sum(2).argmin(1)
    means = [Z[lab == j].mean(0) for j in range(3)]  # audit: 30 x copied, 96000 bytes
    C = np.array(means)  # audit: 10 x copied, 1200 bytes
conf = np.zeros((3, 3), int)
np.add.at(conf, (y, lab), 1)
poly = np.concatenate([Z, Z**2], axis=1)  # audit: 1 x copied, 19200 bytes
flat = poly.T.reshape(-1)  # audit: 1 x copied, 19200 bytes
top = np.take(flat, np.argsort(flat)[-5:])  # audit: 1 x copied, 40 bytes
pairs = np.stack(np.meshgrid(np.arange(3), np.arange(3)), -1).reshape(-1, 2)  # audit: 1 x copied, 144 bytes
best = np.where(conf > 10, conf, 0)  # audit: 1 x copied, 72 bytes
tiled = np.tile(mu, (4, 1))  # audit: 1 x copied, 160 bytes
padded = np.pad(Z, ((0, 0), (1, 1)))  # audit: 1 x copied, 13440 bytes
diag = np.diag(conf).copy()  # audit: 1 x copied, 24 bytes
srt = np.sort(Z[:, 0])
uniq, inv = np.unique(y, return_inverse=True)
clipped = np.clip(Z, -1, 1)
Z[Z > 3] = 3.0
Z[lab] += 0.5  # audit: 1 x copied, 9600 bytes
text = Z32.tobytes()  # audit: 1 x copied, 4800 bytes
half = np.frombuffer(text, dtype=np.float32).reshape(Z32.shape)[::2]  # audit: 1 x shared, 4800 bytes
print(f"{np.mean(scores):.3f}", again.dtype, flat.shape, top, pairs.shape, half.shape)
