"""The article's five advantages of tensors, each one live and checked."""

from __future__ import annotations

from .model import Claim, Pair, Step, Verdict

PART = "Why tensors"

AUTOGRAD = Step(
    name="autograd",
    title="Gradients of numbers that NumPy holds",
    part=PART,
    code="""\
a = np.array([1.0, 2.0, 3.0])
x = bridge.to_torch(a).requires_grad_()
(x ** 3).sum().backward()
print(x.grad)
""",
    pairs=(Pair("a", "x.detach()", shares=True),),
    claims=(
        Claim(
            says="Tensors differentiate automatically",
            verdict=Verdict.AGREES,
            article="np.allclose(x.grad, 3 * a**2)",
            facts=("not hasattr(a, 'grad')",),
            because="The gradient of x**3 is 3 * x**2, on memory that NumPy allocated. Arrays have none.",
        ),
    ),
)

THROUGH_NUMPY = Step(
    name="autograd-through-numpy",
    title="Gradients through NumPy's code",
    part=PART,
    code="""\
@bridge.numpy_op(out=lambda x: (x.shape, x.dtype))
def sine(x):              # gets an array over the tensor's memory
    return np.sin(x)

@sine.vjp
def _(grad, x):
    return grad * np.cos(x)

x = torch.tensor([0.0, 1.0], requires_grad=True)
sine(x).sum().backward()
print(x.grad, sine(np.zeros(2)))
""",
    claims=(
        Claim(
            says="Tensors differentiate automatically",
            verdict=Verdict.INCOMPLETE,
            article="np.allclose(x.grad, torch.cos(x.detach()))",
            facts=("sine(x).requires_grad", "type(sine(np.zeros(2))) is np.ndarray"),
            because="NumPy's code has no gradient of its own. With a vjp, autograd goes through it.",
        ),
    ),
)

GPU = Step(
    name="gpu",
    title="The same product on the GPU",
    part=PART,
    needs_cuda=True,
    code="""\
a = np.arange(6, dtype=np.float32).reshape(2, 3)
x = bridge.to_torch(a).to("cuda")
product = x @ x.T
print(product)
""",
    pairs=(Pair("a", "x", shares=False),),
    claims=(
        Claim(
            says="Tensors move to a GPU with little effort",
            verdict=Verdict.AGREES,
            article="product.is_cuda and np.array_equal(product.cpu(), a @ a.T)",
            because="One call, and NumPy's result. It is a copy to other memory, not a shared block.",
        ),
    ),
)

GPU_BY_ITSELF = Step(
    name="gpu-by-itself",
    title="Does anything move to the GPU by itself?",
    part=PART,
    code="""\
x = torch.ones(3)
m = torch.ones(3, device="meta")      # exists on every machine
print((x * 2).device, (m * 2).device)
try:
    x + m
except RuntimeError as refusal:
    print("RuntimeError:", refusal)
""",
    claims=(
        Claim(
            says="Operations are offloaded to the GPU automatically",
            verdict=Verdict.WRONG,
            article="(x * 2).device != x.device",
            facts=("(x * 2).device == x.device", "(m * 2).device == m.device", "'RuntimeError:' in output"),
            because="An operation runs where its operands are. Nothing moves unless you say so.",
        ),
    ),
)

FRAMEWORKS = Step(
    name="frameworks",
    title="One training step on NumPy's data",
    part=PART,
    code="""\
a = np.linspace(-1, 1, 20, dtype=np.float32).reshape(-1, 1)
x = bridge.to_torch(a)
layer = torch.nn.Linear(1, 1)
optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
loss = (layer(x) - (3 * x + 1)).square().mean()
loss.backward()
optimiser.step()
after = (layer(x) - (3 * x + 1)).square().mean()
print(f"loss {loss:.3f} -> {after:.3f}")
""",
    pairs=(Pair("a", "x", shares=True),),
    claims=(
        Claim(
            says="Layers, losses and optimisers work on tensors",
            verdict=Verdict.AGREES,
            article="after.item() < loss.item()",
            because="nn.Linear and SGD learn from memory that NumPy allocated; no copy was made for them.",
        ),
    ),
)

TENSORFLOW = Step(
    name="tensorflow",
    title="The same data in TensorFlow",
    part=PART,
    needs_library="tensorflow",
    code="""\
import tensorflow as tf

block = bridge.empty((4, 1), "float32")    # aligned for TensorFlow
a, t = bridge.to_numpy(block), bridge.to_torch(block)
x = bridge.to_tensorflow(block, allow_mutable=True)
a[...] = [[0], [1], [2], [3]]              # read by all three

weight = tf.Variable([[1.0]])
with tf.GradientTape(persistent=True) as tape:
    loss = tf.reduce_mean((x @ weight - 3 * x) ** 2)
print(loss.numpy(), tape.gradient(loss, weight).numpy())
""",
    pairs=(Pair("a", "t", shares=True),),
    claims=(
        Claim(
            says="Tensors are what PyTorch and TensorFlow compute with",
            verdict=Verdict.AGREES,
            article="np.isclose(loss, 14) and np.allclose(tape.gradient(loss, weight), -14)",
            facts=("x.numpy().tolist() == t.tolist() == a.tolist()", "bridge.shares_memory(x, t)"),
            because="One block for NumPy, PyTorch and TensorFlow, which needs it aligned to 64 bytes.",
        ),
    ),
)

INTEROPERABILITY = Step(
    name="interoperability",
    title="One block, four ways in",
    part=PART,
    code="""\
t = torch.tensor([1.0, 4.0, 9.0, 16.0])
a = np.from_dlpack(bridge.view(t))    # DLPack
m = memoryview(bridge.view(t))        # the buffer protocol
np.sqrt(a, out=a)                     # a NumPy ufunc
print(t, m.tolist())
""",
    pairs=(Pair("t", "a", shares=True), Pair("t", "m", shares=True)),
    claims=(
        Claim(
            says="Tensors and NumPy arrays exchange data easily",
            verdict=Verdict.AGREES,
            article="t.tolist() == m.tolist() == [1, 2, 3, 4]",
            because="A ufunc wrote through DLPack; the tensor and a plain memoryview both see the roots.",
        ),
    ),
)

MEMORY_AND_THREADS = Step(
    name="memory-and-threads",
    title="Bytes and threads",
    part=PART,
    code="""\
a = np.ones((3, 2), dtype=np.float32)
t = bridge.to_torch(a)
print("array ", a.nbytes, "bytes, strides", a.strides)
print("tensor", t.nbytes, "bytes, strides", bridge.view(t).strides)

big = np.ones((300, 300), dtype=np.float32)
product = bridge.to_torch(big) @ bridge.to_torch(big)
print(torch.get_num_threads(), "threads:", product[0, 0].item())
""",
    pairs=(Pair("a", "t", shares=True), Pair("a.T", "t.T", shares=True)),
    claims=(
        Claim(
            says="Tensors store and reshape large arrays efficiently",
            verdict=Verdict.INCOMPLETE,
            article="t.T.data_ptr() == t.data_ptr()",
            facts=("t.nbytes == a.nbytes", "bridge.view(t).strides == a.strides", "np.shares_memory(a.T, a)"),
            because="So do arrays: same bytes, same strides, same free transpose. Hence both can share.",
        ),
        Claim(
            says="Tensor operations run on several cores",
            verdict=Verdict.AGREES,
            article="torch.get_num_threads() >= 1 and np.array_equal(product, big @ big)",
            because="On as many as printed above, with the same result as NumPy. No speed is claimed here.",
        ),
    ),
)

ADVANTAGES = (
    *(AUTOGRAD, THROUGH_NUMPY, GPU, GPU_BY_ITSELF, FRAMEWORKS, TENSORFLOW, INTEROPERABILITY),
    MEMORY_AND_THREADS,
)
