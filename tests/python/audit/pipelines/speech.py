"""Audio: PCM bytes, framing, STFT by torch, mel filter bank, log, deltas, SpecAugment, batch with padding."""

import io
import struct
import wave

import numpy as np
import torch

rng = np.random.default_rng(1)


def write(seconds, sr=8000):
    t = np.arange(int(seconds * sr)) / sr
    x = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.05 * rng.standard_normal(len(t))
    pcm = (x * 32767).astype("<i2")  # audit: 4 x copied, 28800 bytes
    f = io.BytesIO()
    with wave.open(f, "wb") as w:
        w.setparams((1, 2, sr, 0, "NONE", ""))
        w.writeframes(pcm.tobytes())  # audit: 4 x copied, 28800 bytes
    return f.getvalue()


def read(data):
    with wave.open(io.BytesIO(data)) as w:
        raw = w.readframes(w.getnframes())
        sr = w.getframerate()
    x = np.frombuffer(raw, dtype=np.int16)  # audit: 4 x shared, 28800 bytes
    x = x.astype(np.float32) / 32768.0  # audit: 4 x copied, 57600 bytes
    return torch.from_numpy(x), sr  # audit: 4 x shared, 57600 bytes


def mel_bank(sr, n_fft, n_mels):
    f = np.linspace(0, sr / 2, n_fft // 2 + 1)
    top = 2595 * np.log10(1 + sr / 1400)
    pts = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    bank = np.zeros((n_mels, len(f)))
    for i in range(n_mels):
        a, b, c = pts[i : i + 3]
        bank[i] = np.maximum(0, np.minimum((f - a) / (b - a), (c - f) / (c - b)))
    return torch.tensor(bank, dtype=torch.float32)  # audit: 4 x copied, 41280 bytes


feats = []
for k in range(4):
    x, sr = read(write(0.3 + 0.1 * k))
    x = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])  # audit: 4 x copied, 57600 bytes
    spec = torch.stft(x, 256, 128, window=torch.hann_window(256), return_complex=True)
    power = spec.abs().pow(2)
    mel = (mel_bank(sr, 256, 20) @ power).clamp(min=1e-10).log10()
    mel = (mel - mel.mean()) / mel.std()
    d = torch.nn.functional.pad(mel, (1, 1))  # audit: 4 x copied, 9840 bytes
    delta = (d[:, 2:] - d[:, :-2]) / 2
    f = torch.stack([mel, delta]).permute(2, 0, 1).reshape(mel.shape[1], -1)  # audit: 4 x copied, 18400 bytes
    if k % 2:
        f = f.clone()  # audit: 2 x copied, 10240 bytes
        f[:, 3:6] = 0
    feats.append(f)
lengths = torch.tensor([len(f) for f in feats])  # audit: 1 x copied, 32 bytes
batch = torch.zeros(len(feats), int(lengths.max()), feats[0].shape[1])
for i, f in enumerate(feats):
    batch[i, : len(f)] = f
frames = batch[0].numpy()  # audit: 1 x shared, 6080 bytes
win = np.lib.stride_tricks.as_strided(
    frames, (frames.shape[0] - 2, 3, frames.shape[1]), (frames.strides[0], *frames.strides)
)
ctx = win.reshape(len(win), -1)
cmvn = (ctx - ctx.mean(0)) / (ctx.std(0) + 1e-5)
column = batch[0, :, 0].double().numpy()  # audit: 1 x copied, 304 bytes; 1 x shared, 304 bytes
pcm16 = (column * 1000).astype(np.int16)  # audit: 1 x copied, 76 bytes
msg = struct.pack("<I", len(pcm16)) + pcm16.tobytes()  # audit: 1 x copied, 76 bytes
ri = torch.view_as_real(spec)
mag = np.abs(spec.numpy())  # audit: 1 x shared, 39216 bytes
tgt = torch.as_tensor(mag.T.copy())  # audit: 1 x copied, 19608 bytes; 1 x shared, 19608 bytes
print(batch.shape, cmvn.shape, len(msg), ri.shape, tgt.shape)
