"""The rows of the matrix: objects that export memory."""

from __future__ import annotations

from textwrap import dedent

from .model import VALUES, Producer


def _aligned(dtype: str = "np.float32", offset: int = 0) -> str:
    """Return code for an ndarray `offset` bytes after a multiple of 64, the alignment that some need."""
    return f"""\
block = np.zeros(128, np.uint8)
start = ({offset} - block.ctypes.data) % 64
x = block[start:].view({dtype})[: len(values)]
x[:] = values
"""


def _of(library: str, kind: str, code: str, **settings: object) -> Producer:
    name = kind if library == "python" else f"{library} {kind}".strip()
    return Producer(name, library, dedent(code).strip(), **settings)  # type: ignore[arg-type]


_PYTHON = (
    _of(
        "python",
        "bytes",
        "x = bytes(values)",
        read="list(x)",
        write="poke(id(x) + bytes.__basicsize__ - 1, dtype, values)",
        readonly=True,
        dtype="uint8",
    ),
    _of(
        "python",
        "bytearray",
        "x = bytearray(values)",
        read="list(x)",
        write="x[:] = bytes(values)",
        dtype="uint8",
    ),
    _of(
        "python",
        "array.array",
        "import array\nx = array.array('d', values)",
        read="x.tolist()",
        write="for i, value in enumerate(values): x[i] = value",
        dtype="float64",
    ),
    _of(
        "python",
        "memoryview",
        "import array\nx = memoryview(array.array('f', values))",
        read="x.tolist()",
        write="for i, value in enumerate(values): x[i] = value",
    ),
    _of(
        "python",
        "memoryview read-only",
        "base = bytearray(values)\nx = memoryview(base).toreadonly()",
        read="x.tolist()",
        write="base[:] = bytes(values)",
        readonly=True,
        dtype="uint8",
    ),
    _of(
        "python",
        "mmap",
        "import mmap\nx = mmap.mmap(-1, len(values))\nx[:] = bytes(values)",
        read="list(x[:])",
        write="x[:] = bytes(values)",
        dtype="uint8",
    ),
    _of(
        "python",
        "mmap read-only",
        """
        import mmap, tempfile
        file = tempfile.TemporaryFile()
        file.write(bytes(values))
        file.flush()
        base = mmap.mmap(file.fileno(), len(values))
        x = mmap.mmap(file.fileno(), len(values), access=mmap.ACCESS_READ)
        """,
        read="list(x[:])",
        write="base[:] = bytes(values)",
        readonly=True,
        dtype="uint8",
    ),
    _of(
        "python",
        "ctypes",
        "import ctypes\nx = (ctypes.c_float * len(values))(*values)",
        read="list(x)",
        write="x[:] = values",
    ),
    _of(
        "python",
        "multiprocessing.Array",
        "import multiprocessing\nx = multiprocessing.Array('f', values)",
        read="list(x)",
        write="x[:] = values",
    ),
    _of(
        "python",
        "SharedMemory.buf",
        """
        from multiprocessing.shared_memory import SharedMemory
        memory = SharedMemory(create=True, size=len(values))
        memory.unlink()
        x = memory.buf[: len(values)]
        x[:] = bytes(values)
        """,
        read="x.tolist()",
        write="x[:] = bytes(values)",
        dtype="uint8",
    ),
)

_NUMPY = (
    _of("numpy", "", _aligned()),
    _of("numpy", "16-byte aligned", _aligned(offset=16)),
    _of(
        "numpy",
        "read-only",
        _aligned() + "base = x\nx = x.view()\nx.flags.writeable = False",
        write="base[:] = values",
        readonly=True,
    ),
    _of("numpy", "strided", "x = np.zeros(2 * len(values), np.float32)[::2]\nx[:] = values"),
    _of("numpy", "reversed", "x = np.zeros(len(values), np.float32)[::-1]\nx[:] = values"),
    _of("numpy", "uint8 2-D", _aligned("np.uint8") + "x = x.reshape(2, 4)", dtype="uint8"),
    _of("numpy", "byte-swapped", _aligned("'>f4'"), dtype=">f4"),
    _of("numpy", "bfloat16", _aligned("ml_dtypes.bfloat16"), dtype="bfloat16", needs=("ml_dtypes",)),
)

_TORCH = (
    _of("torch", "", "x = torch.tensor(values, dtype=torch.float32)"),
    _of("torch", "slice [1:]", "x = torch.tensor((0, *values), dtype=torch.float32)[1:]"),
    _of("torch", "bfloat16", "x = torch.tensor(values, dtype=torch.bfloat16)", dtype="bfloat16"),
    _of("torch", "requires_grad", "x = torch.tensor(values, dtype=torch.float32, requires_grad=True)"),
    _of(
        "torch",
        "conj",
        "x = torch.tensor(values).conj_physical().conj()",
        dtype="complex64",
        values=tuple(complex(value, -1) for value in VALUES),
    ),
    _of(
        "torch",
        "neg",
        "x = torch.tensor([complex(0, -value) for value in values]).conj().imag",
        values=tuple(-value for value in VALUES),
    ),
    _of("torch", "on CUDA", "x = torch.tensor(values, dtype=torch.float32, device='cuda')"),
)

_POKE_JAX = "poke(x.unsafe_buffer_pointer(), dtype, values)"
_POKE_TF = "poke(np.asarray(x).ctypes.data, dtype, values)"

_ACCELERATED = (
    _of("jax", "", "x = jnp.array(values, jnp.float32)", write=_POKE_JAX, readonly=True),
    _of(
        "jax",
        "bfloat16",
        "x = jnp.array(values, jnp.bfloat16)",
        write=_POKE_JAX,
        readonly=True,
        dtype="bfloat16",
    ),
    _of("tensorflow", "", "x = tf.constant(values, tf.float32)", write=_POKE_TF, readonly=True),
    _of(
        "tensorflow",
        "bfloat16",
        "x = tf.constant(values, tf.bfloat16)",
        write=_POKE_TF,
        readonly=True,
        dtype="bfloat16",
    ),
    _of("tensorflow", "Variable", "x = tf.Variable(values, dtype=tf.float32)", write="x.assign(values)"),
    _of("cupy", "", "x = cupy.array(values, cupy.float32)"),
    _of("mlx", "", "x = mx.array(list(values), mx.float32)\nmx.eval(x)", write="np.asarray(x)[:] = values"),
    _of(
        "mlx",
        "bfloat16",
        "x = mx.array(list(values), mx.bfloat16)\nmx.eval(x)",
        write="np.asarray(x.view(mx.uint16))[:] = np.array(values, np.float32).view(np.uint32) >> 16",
        dtype="bfloat16",
    ),
    _of(
        "tinygrad",
        "",
        "x = tinygrad.Tensor(list(values), dtype='float32').realize()",
        write="x.assign(values)",
    ),
    _of("array-api-strict", "", "x = array_api_strict.asarray(list(values), dtype=array_api_strict.float32)"),
    _of(
        "onnxruntime",
        "OrtValue",
        "x = onnxruntime.OrtValue.ortvalue_from_numpy(np.array(values, np.float32))",
    ),
    _of("tvm-ffi", "", _aligned() + "x = tvm_ffi.from_dlpack(x)"),
)

_TABLES = (
    _of(
        "pyarrow",
        "Array",
        "x = pa.array(values, pa.float32())",
        write="poke(x.buffers()[1].address, dtype, values)",
        readonly=True,
    ),
    _of(
        "pyarrow",
        "Tensor",
        _aligned() + "x = pa.Tensor.from_numpy(x)",
        read="x.to_numpy().tolist()",
        write="x.to_numpy()[:] = values",
    ),
    _of(
        "pyarrow",
        "Buffer",
        "x = pa.py_buffer(bytes(values))",
        read="list(x.to_pybytes())",
        write="poke(x.address, dtype, values)",
        readonly=True,
        dtype="uint8",
    ),
    _of("pandas", "Series", "x = pd.Series(values, dtype='float32')"),
    _of(
        "pandas",
        "DataFrame",
        "x = pd.DataFrame(np.array(values, np.float32).reshape(4, 2))",
        write="x.iloc[:, :] = np.reshape(values, (4, 2))",
    ),
    _of(
        "polars",
        "Series",
        "x = pl.Series(values, dtype=pl.Float32)",
        write="poke(np.asarray(x).ctypes.data, dtype, values)",
        readonly=True,
    ),
    _of("numpy_bridge", "View", _aligned("np.float64") + "x = bridge.view(x)", dtype="float64"),
    _of("xarray", "DataArray", _aligned() + "x = xr.DataArray(x)"),
    _of(
        "awkward",
        "Array",
        "base = np.array(values, np.float32)\nx = ak.Array(base)",
        write="base[:] = values",
    ),
    _of("pillow", "L", "x = Image.new('L', (4, 2))\nx.putdata(values)", dtype="uint8"),
    _of(
        "opencv",
        "UMat",
        "x = cv2.UMat(np.array(values, np.float32))",
        write="cv2.copyTo(np.array(values, np.float32), None, x)",
    ),
)

PRODUCERS: tuple[Producer, ...] = (*_PYTHON, *_NUMPY, *_TORCH, *_ACCELERATED, *_TABLES)
"""Every row, in the order of reports."""
