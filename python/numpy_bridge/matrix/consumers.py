"""The columns of the matrix: calls that import memory, each library's own before ours.

There is a call of ours for each library that memory can be shared with. Other libraries may always copy.
"""

from __future__ import annotations

from .model import Consumer

_READ, _WRITE = "x.to_numpy().tolist()", "x.to_numpy()[...] = np.reshape(values, x.shape)"

CONSUMERS: tuple[Consumer, ...] = (
    Consumer("numpy", "asarray", "np.asarray(x)"),
    Consumer("numpy", "dlpack", "np.from_dlpack(x)"),
    Consumer("numpy", "ours", "bridge.to_numpy(x)", ours=True),
    Consumer("torch", "as_tensor", "torch.as_tensor(x)"),
    Consumer("torch", "asarray", "torch.asarray(x)"),
    Consumer("torch", "dlpack", "torch.from_dlpack(x)"),
    Consumer("torch", "ours", "bridge.to_torch(x)", ours=True),
    Consumer("python", "memoryview", "memoryview(x)"),
    Consumer("python", "ours", "memoryview(bridge.view(x))", ours=True),
    Consumer("jax", "asarray", "jnp.asarray(x)"),
    Consumer("jax", "dlpack", "jax.dlpack.from_dlpack(x)"),
    Consumer("jax", "ours", "bridge.to(x, 'jax', allow_mutable=True)", ours=True),
    Consumer("tensorflow", "convert", "tf.convert_to_tensor(x)"),
    Consumer("tensorflow", "dlpack", "tf.experimental.dlpack.from_dlpack(x.__dlpack__())"),
    Consumer("tensorflow", "ours", "bridge.to(x, 'tensorflow', allow_mutable=True)", ours=True),
    Consumer("cupy", "asarray", "cupy.asarray(x)"),
    Consumer("cupy", "dlpack", "cupy.from_dlpack(x)"),
    Consumer("cupy", "ours", "bridge.to(x, 'cupy')", ours=True),
    Consumer("pyarrow", "array", "pa.array(x)"),
    Consumer(
        "pyarrow",
        "py_buffer",
        "pa.py_buffer(x)",
        read="decoded(bytes(x), dtype)",
        write="np.frombuffer(x, np.uint8)[:] = np.frombuffer(encoded(values, dtype), np.uint8)",
    ),
    Consumer("pyarrow", "dlpack", "pa.Tensor.from_dlpack(x)", read=_READ, write=_WRITE),
    Consumer("pyarrow", "ours", "bridge.to(x, pa.Tensor)", True, _READ, _WRITE),
    Consumer("pandas", "Series", "pd.Series(x, copy=False)"),
    Consumer("pandas", "ours", "bridge.to(x, 'pandas')", ours=True),
    Consumer("polars", "Series", "pl.Series(x)"),
    Consumer("polars", "ours", "bridge.to(x, 'polars', allow_mutable=True)", ours=True),
    Consumer("mlx", "array", "mx.array(x)"),
    Consumer("mlx", "ours", "bridge.to(x, 'mlx')", ours=True),
    Consumer("tinygrad", "Tensor", "tinygrad.Tensor(x)"),
    Consumer("pillow", "fromarray", "Image.fromarray(x)", read="np.asarray(x).tolist()"),
    Consumer(
        "opencv",
        "in place",
        "cv2.add(x, 0, dst=x)",
        read="cv2.UMat(x).get().tolist()",
        write="x[...] = np.reshape(values, x.shape)",
    ),
)
"""Every column, in the order of reports."""
