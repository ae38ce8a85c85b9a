"""The article's conversions: tensor to array, array to tensor, and what sharing does not cover."""

from __future__ import annotations

from .model import Claim, Pair, Step, Verdict

PART = "Tensor to array, array to tensor"

TENSOR_TO_ARRAY = Step(
    name="tensor-to-array",
    title="Tensor to array: .numpy()",
    part=PART,
    code="""\
a = torch.ones(5)
print(a)
b = a.numpy()
print(b)
ours = bridge.to_numpy(a)
""",
    article_output="""\
tensor([1., 1., 1., 1., 1.])
[1. 1. 1. 1. 1.]
""",
    pairs=(Pair("a", "b", shares=True), Pair("a", "ours", shares=True)),
    claims=(
        Claim(
            says=".numpy() makes a view: one block, nothing copied",
            verdict=Verdict.AGREES,
            article="same(output, article_output) and bridge.shares_memory(a, b)",
        ),
        Claim(
            says="The listing runs as printed",
            verdict=Verdict.INCOMPLETE,
            article="not error_of('import torch; a = torch.ones(5); b = a.numpy()')",
            facts=("error_of('a = torch.ones(5)').startswith('NameError')",),
            because="Once torch is imported: the article never does.",
        ),
    ),
)

ADD_IN_PLACE = Step(
    name="add-in-place",
    title="add_ on the tensor, seen through the array",
    part=PART,
    code="""\
a = torch.ones(5)
b = a.numpy()
ours = bridge.to_numpy(a)
a.add_(1)
print(a)
print(b)
""",
    article_output="""\
tensor([2., 2., 2., 2., 2.])
[2. 2. 2. 2. 2.]
""",
    pairs=(Pair("a", "b", shares=True), Pair("a", "ours", shares=True)),
    claims=(
        Claim(
            says="Adding to the tensor changes the array",
            verdict=Verdict.AGREES,
            article="same(output, article_output) and ours.tolist() == b.tolist() == [2] * 5",
        ),
        Claim(
            says="The reason is that Python optimises memory",
            verdict=Verdict.WRONG,
            article="a is b",
            facts=(
                "a is not b",
                "a.data_ptr() == b.ctypes.data",
                "b.base is not None and not b.flags.owndata",
            ),
            because="Python sees two objects, none of them shared. torch gave NumPy its block's address.",
        ),
    ),
)

ANY_CHANGE = Step(
    name="any-change",
    title="Is every change seen on the other side?",
    part=PART,
    code="""\
a = torch.ones(5)
b = a.numpy()
a += 1                 # writes into the block
print(b)
a.unsqueeze_(0)        # gives the tensor another shape
print(tuple(a.shape), b.shape)
a = a + 1              # makes a new block and calls it a
print(a, b)
""",
    pairs=(Pair("a[0]", "b", shares=False),),
    claims=(
        Claim(
            says="Any change to one object shows in the other",
            verdict=Verdict.INCOMPLETE,
            article="output.startswith('[2. 2. 2. 2. 2.]')",
            facts=(
                "a.shape == (1, 5) and b.shape == (5,)",
                "a.tolist() == [[3] * 5] and b.tolist() == [2] * 5",
            ),
            because="Any write into the block does. A new shape does not, and a = a + 1 is new memory.",
        ),
    ),
)

ARRAY_TO_TENSOR = Step(
    name="array-to-tensor",
    title="Array to tensor: from_numpy, and np.add(out=) seen through it",
    part=PART,
    code="""\
a = np.ones(5)
b = torch.from_numpy(a)
ours = bridge.to_torch(a)
np.add(a, 1, out=a)
print(a)
print(b)
""",
    article_output="""\
[2. 2. 2. 2. 2.]
tensor([2., 2., 2., 2., 2.], dtype=torch.float64)
""",
    pairs=(Pair("a", "b", shares=True), Pair("a", "ours", shares=True)),
    claims=(
        Claim(
            says="from_numpy() makes a tensor on the array's memory",
            verdict=Verdict.AGREES,
            article="same(output, article_output) and ours.tolist() == b.tolist() == [2] * 5",
        ),
        Claim(
            says="It prints dtype=torch.float64 (without a word about why)",
            verdict=Verdict.INCOMPLETE,
            article="b.dtype == ours.dtype == torch.float64",
            facts=("torch.ones(5).dtype == torch.float32", "np.ones(5).dtype == np.float64"),
            because="Sharing keeps the dtype. np.ones makes float64, torch.ones float32: keep it in mind.",
        ),
    ),
)

CONVERSIONS = (TENSOR_TO_ARRAY, ADD_IN_PLACE, ANY_CHANGE, ARRAY_TO_TENSOR)
