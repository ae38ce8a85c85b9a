"""The rows: objects of 8 rows with `n` elements each, which repeat the whole numbers from 0 to 126."""

from __future__ import annotations

from numpy_bridge.matrix.model import Producer

ROWS = 8

_NUMBERS = "(np.arange(8 * n) % 127).astype(np.float32).reshape(8, n)"
_TORCH_NUMBERS = "(torch.arange(8 * n) % 127).float()"
_JAX_MEMORY = "bridge.from_pointer(whole.unsafe_buffer_pointer(), whole.shape, 'float32')"

PRODUCERS: tuple[Producer, ...] = (
    Producer("ndarray", "numpy", f"x = {_NUMBERS}"),
    Producer("tensor", "torch", f"x = {_TORCH_NUMBERS}.reshape(8, n)"),
    Producer(
        "tensor bfloat16",
        "torch",
        f"x = {_TORCH_NUMBERS}.to(torch.bfloat16).reshape(8, n)",
        dtype="bfloat16",
        needs=("ml_dtypes",),
    ),
    Producer("tensor transposed", "torch", f"x = {_TORCH_NUMBERS}.reshape(n, 8).T"),
    Producer(
        "tensor, slice",
        "torch",
        "whole_tensor = (torch.arange(4 * 8 * n) % 127).float().reshape(32, n)\nx = whole_tensor[8:16]",
    ),
    Producer("View", "numpy", f"x = bridge.view({_NUMBERS})"),
    Producer(
        "SharedBlock",
        "numpy",
        f"x = bridge.shared_empty((8, n), 'float32')\nbridge.to_numpy(x)[...] = {_NUMBERS}",
    ),
    Producer(
        "jax array",
        "jax",
        "x = (jnp.arange(8 * n) % 127).astype(jnp.float32).reshape(8, n)",
        write=f"bridge.to_numpy({_JAX_MEMORY})[:, 0] = values",
        readonly=True,
    ),
)
"""Every row, in the order of reports."""
