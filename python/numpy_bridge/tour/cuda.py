"""The article's CUDA listings, and its closing word on seamless conversion."""

from __future__ import annotations

from .model import Claim, Pair, Step, Verdict

PART = "CUDA, and the limits"

AVAILABLE = Step(
    name="cuda-available",
    title="Is there CUDA?",
    part=PART,
    code="""\
print(torch.cuda.is_available())
print("built with CUDA:", torch.backends.cuda.is_built())
print("devices:", torch.cuda.device_count())

from numpy_bridge.info import describe_cuda
print("bridge:", describe_cuda()["unavailable"] or "usable")
""",
    claims=(
        Claim(
            says="is_available() prints False or True",
            verdict=Verdict.AGREES,
            article="output.splitlines()[0] in ('False', 'True')",
            because="One of the two, without the comment that the article shows beside it.",
        ),
        Claim(
            says="CUDA needs a suitable GPU and a suitable setup",
            verdict=Verdict.AGREES,
            article="torch.cuda.is_available() <= (torch.cuda.device_count() > 0)",
            facts=(
                "torch.cuda.is_available() <= torch.backends.cuda.is_built()",
                "output.splitlines()[3].startswith('bridge: ')",
            ),
            because="A PyTorch built with CUDA is part of the setup.",
        ),
        Claim(
            says="If so, the tensors x and y have to go to the GPU",
            verdict=Verdict.INCOMPLETE,
            article="callable(torch.Tensor.cuda)",
            facts=(
                "'x' not in globals() and 'y' not in globals()",
                "(torch.ones(2) + 1).device.type == 'cpu'",
            ),
            because="There is no x or y yet (the next listing makes them), and CPU tensors go on working.",
        ),
    ),
)

TENSORS = Step(
    name="cuda-tensors",
    title=".to(device), .cuda() and z = x + y",
    part=PART,
    needs_cuda=True,
    code="""\
device = torch.device("cuda")
host = torch.tensor([1, 2, 3])
x = host.to(device)
y = torch.tensor([4, 5, 6]).cuda()
z = x + y
print(z)
again = x.to(device)          # it is there already
""",
    article_output="tensor([5, 7, 9], device='cuda:0')\n",
    pairs=(Pair("host", "x", shares=False), Pair("x", "z", shares=False), Pair("x", "again", shares=True)),
    claims=(
        Claim(
            says="x + y prints tensor([5, 7, 9], device='cuda:0')",
            verdict=Verdict.AGREES,
            article="same(output, article_output) and z.dtype == torch.int64",
        ),
        Claim(
            says=".to(device) moves the tensor, .cuda() does the same",
            verdict=Verdict.INCOMPLETE,
            article="x.is_cuda and y.is_cuda",
            facts=("host.device.type == 'cpu'", "again is x"),
            because="It copies: host stays where it was, unlinked. A tensor that is there already is shared.",
        ),
        Claim(
            says="A tensor becomes an array with .numpy()",
            verdict=Verdict.INCOMPLETE,
            article="bridge.shares_memory(host, host.numpy())",
            facts=(
                "error_of('import torch; torch.ones(1).cuda().numpy()').startswith('TypeError')",
                "'SharingError' in error_of('import torch, numpy_bridge; "
                "numpy_bridge.to_numpy(torch.ones(1).cuda())')",
            ),
            because="Not on the GPU: NumPy can't reach that memory. torch and bridge.to_numpy both refuse.",
        ),
    ),
)

IN_PLACE = Step(
    name="cuda-in-place",
    title="The same sum in memory that is there already",
    part=PART,
    needs_cuda=True,
    needs_kernels=True,
    code="""\
device = torch.device("cuda")
x = torch.tensor([1, 2, 3]).to(device)
y = torch.tensor([4, 5, 6]).cuda()
z = bridge.copy_(torch.empty_like(x), x)
bridge.add_(z, y)
print(z)
shared = bridge.view(z)       # what CuPy, Numba and JAX can take in
bridge.add_(shared, 1)
bridge.add_(z, -1)
again = bridge.to_torch(shared)
host = bridge.copy_(np.empty(3, np.int64), z)
""",
    article_output="tensor([5, 7, 9], device='cuda:0')\n",
    pairs=(Pair("z", "again", shares=True), Pair("x", "z", shares=False), Pair("z", "host", shares=False)),
    claims=(
        Claim(
            says="The sum of x and y is [5, 7, 9] on the GPU",
            verdict=Verdict.AGREES,
            article="same(output, article_output) and host.tolist() == [5, 7, 9]",
        ),
        Claim(
            says="Operations on CUDA tensors are written z = x + y",
            verdict=Verdict.INCOMPLETE,
            article="torch.equal(x + y, z)",
            facts=(
                "shared.device == 'cuda:0' and shared.ptr == z.data_ptr()",
                "bridge.shares_memory(shared, z) and not bridge.shares_memory(x, z)",
                "'SharingError' in error_of('import torch, numpy_bridge, numpy; "
                "numpy_bridge.add_(torch.ones(1).cuda(), numpy.ones(1, numpy.float32))')",
            ),
            because="bridge.add_ and copy_ do it in place, on any library's memory. Host memory is not added "
            "to the GPU's: copy_ is what moves.",
        ),
    ),
)

NO_CUDA = Step(
    name="cuda-missing",
    title="What happens without CUDA?",
    part=PART,
    code="""\
from unittest.mock import patch

# Hide CUDA, so that any machine shows it.
with patch.object(torch.cuda, "is_available", lambda: False):
    if torch.cuda.is_available():
        x = torch.tensor([1, 2, 3]).to("cuda")
        z = x + torch.tensor([4, 5, 6]).cuda()
        print(z)
print("no error; z exists:", "z" in globals())
""",
    claims=(
        Claim(
            says="Without CUDA, the listing above ends in an error",
            verdict=Verdict.WRONG,
            article="'no error' not in output",
            facts=(
                "'z' not in globals()",
                "bool(error_of('import torch; torch.ones(1).cuda()')) is not torch.cuda.is_available()",
            ),
            because="Its if skips the block in silence. Only .cuda() without the if would raise.",
        ),
    ),
)

SEAMLESS = Step(
    name="seamless",
    title="Is conversion always seamless?",
    part=PART,
    code="""\
def outcome(convert, x):
    try:
        convert(x)
    except Exception as refusal:
        return f"{convert.__name__}: {type(refusal).__name__}"
    return f"{convert.__name__}: shares"

grad = torch.ones(3, requires_grad=True)
print(outcome(torch.Tensor.numpy, grad))
print(outcome(bridge.to_numpy, grad))

back = np.arange(3.0)[::-1]
print(outcome(torch.from_numpy, back))
print(outcome(bridge.to_torch, back))

frozen = np.zeros(3)
frozen.flags.writeable = False
print(outcome(torch.from_numpy, frozen))
print(outcome(bridge.to_torch, frozen))
torch.from_numpy(frozen).add_(1)
print(frozen)
""",
    claims=(
        Claim(
            says="Conversion is seamless, automatic differentiation included",
            verdict=Verdict.INCOMPLETE,
            article="bridge.shares_memory(a := np.ones(3), torch.from_numpy(a))",
            facts=(
                "outcome(torch.Tensor.numpy, grad) == 'numpy: RuntimeError'",
                "outcome(bridge.to_numpy, grad) == 'to_numpy: SharingError'",
                "outcome(torch.from_numpy, back) == 'from_numpy: ValueError'",
                "outcome(bridge.to_torch, back) == 'to_torch: SharingError'",
                "bridge.shares_memory(back, bridge.view(back))",
            ),
            because="Often. torch and bridge both refuse a tensor that requires grad and a reversed array. "
            "bridge.view shares the reversed one.",
        ),
        Claim(
            says="from_numpy() shares the array's memory",
            verdict=Verdict.INCOMPLETE,
            article="bridge.shares_memory(frozen, torch.from_numpy(frozen))",
            facts=(
                "frozen.tolist() == [1, 1, 1]",
                "outcome(bridge.to_torch, frozen) == 'to_torch: SharingError'",
            ),
            because="Read-only memory too: torch just wrote ones into it. bridge.to_torch refuses.",
        ),
    ),
)

CUDA = (AVAILABLE, TENSORS, IN_PLACE, NO_CUDA, SEAMLESS)
