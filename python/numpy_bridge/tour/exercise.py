"""The article's exercise with a (5, 2) block of ones, listing by listing."""

from __future__ import annotations

from .model import Claim, Pair, Step, Verdict

PART = "The exercise: ones of shape (5, 2)"

THREE_TASKS = Step(
    name="exercise",
    title="All three tasks: create, convert, convert back",
    part=PART,
    code="""\
t = torch.ones(5, 2)
a = t.numpy()
back = torch.from_numpy(a)
ours = bridge.to_torch(bridge.to_numpy(t))
print(torch.equal(t, back), torch.equal(t, ours))
""",
    pairs=(Pair("t", "a", shares=True), Pair("a", "back", shares=True), Pair("t", "ours", shares=True)),
    claims=(
        Claim(
            says="A tensor can go to NumPy and come back",
            verdict=Verdict.AGREES,
            article="back.tolist() == ours.tolist() == [[1, 1]] * 5",
            facts=("back.data_ptr() == t.data_ptr() and t.nbytes == 40",),
            because="One line a task, and one block of 40 bytes from start to end.",
        ),
    ),
)

TORCH_TENSOR_FLOAT64 = Step(
    name="torch-tensor-float64",
    title="Task 1 in the article: torch.Tensor(a), a in float64",
    part=PART,
    code="""\
a = np.ones((5, 2))
b = torch.Tensor(a)
ours = bridge.to_torch(a)
b += 1
print(a, b)
""",
    article_output="""\
array([[1., 1.],
       [1., 1.],
       [1., 1.],
       [1., 1.],
       [1., 1.]]),

tensor([[2., 2.],
        [2., 2.],
        [2., 2.],
        [2., 2.],
        [2., 2.]])
""",
    pairs=(Pair("a", "b", shares=False), Pair("a", "ours", shares=True)),
    claims=(
        Claim(
            says="After b += 1, a still holds ones and b twos",
            verdict=Verdict.AGREES,
            article="a.tolist() == [[1, 1]] * 5 and b.tolist() == [[2, 2]] * 5",
        ),
        Claim(
            says="print(a, b) shows what is printed there",
            verdict=Verdict.IMPOSSIBLE,
            article="same(output, article_output)",
            facts=("same(output, f'{a} {b}')", "'array' not in output and '),' not in output"),
            because="The numbers are right, the form is not: print() puts no array(...) and no comma.",
        ),
        Claim(
            says="a and b are no longer linked",
            verdict=Verdict.WRONG,
            article="bridge.shares_memory(fresh := np.ones((5, 2)), torch.Tensor(fresh))",
            facts=("a.dtype == np.float64 and b.dtype == torch.float32",),
            because="They never were: float64 silently became float32, which needs new memory.",
        ),
    ),
)

TORCH_TENSOR_FLOAT32 = Step(
    name="torch-tensor-float32",
    title="The same call, a in float32",
    part=PART,
    code="""\
a = np.ones((5, 2), dtype=np.float32)
b = torch.Tensor(a)
ours = bridge.to_torch(a)
b += 1
print(a)
""",
    pairs=(Pair("a", "b", shares=True), Pair("a", "ours", shares=True)),
    claims=(
        Claim(
            says="torch.Tensor(array) gives a tensor with memory of its own",
            verdict=Verdict.WRONG,
            article="not bridge.shares_memory(a, b)",
            facts=(
                "a.tolist() == b.tolist() == [[2, 2]] * 5",
                "bridge.shares_memory(d := np.ones((5, 2)), torch.DoubleTensor(d))",
            ),
            because="It shares whenever the dtype fits, as float32 does here (and float64 in DoubleTensor). "
            "Whether your array changes hangs on its dtype. bridge.to_torch shares or says no.",
        ),
    ),
)

TORCH_ONES = Step(
    name="torch-ones",
    title="The short way: torch.ones",
    part=PART,
    code="""\
t = torch.ones(5, 2)
long_way = torch.Tensor(np.ones((5, 2)))
print(torch.equal(t, long_way), t.dtype, tuple(t.shape))
""",
    claims=(
        Claim(
            says="torch.ones(5, 2) is another way to create that tensor",
            verdict=Verdict.AGREES,
            article="torch.equal(t, long_way) and t.dtype == long_way.dtype == torch.float32",
            because="Equal in shape, dtype and values, without an array on the way.",
        ),
    ),
)

CONVERT_TO_ARRAY = Step(
    name="convert-to-array",
    title="Task 2 in the article: torch.ones(5, 2) again, and a1",
    part=PART,
    code="""\
result = torch.ones(5, 2)     # the article's whole listing
print(result)

b = torch.ones(5, 2)          # what its text talks about
a1 = b.numpy()
ours = bridge.to_numpy(b)
""",
    article_output="""\
tensor([[40., 40.],
        [80., 80.]])
""",
    pairs=(Pair("b", "a1", shares=True), Pair("b", "ours", shares=True)),
    claims=(
        Claim(
            says="The listing converts to an array with .numpy()",
            verdict=Verdict.WRONG,
            article="isinstance(result, np.ndarray)",
            facts=("isinstance(result, torch.Tensor)",),
            because="It makes one more tensor and converts nothing.",
        ),
        Claim(
            says="It prints a 2x2 tensor of 40s and 80s",
            verdict=Verdict.IMPOSSIBLE,
            article="same(output, article_output)",
            facts=("tuple(result.shape) == (5, 2)", "bool((result == 1).all())"),
            because="torch.ones(5, 2) is 5x2 and holds ones.",
        ),
        Claim(
            says="The variable a1 holds the array",
            verdict=Verdict.WRONG,
            article="not error_of('import torch; torch.ones(5, 2); a1')",
            facts=("error_of('import torch; torch.ones(5, 2); a1').startswith('NameError')",),
            because="No listing creates a1: using it is a NameError. The next one copies b.numpy() instead.",
        ),
        Claim(
            says="a1 is a view of b, so writing to a1 changes b",
            verdict=Verdict.AGREES,
            article="bridge.shares_memory(a1, b)",
            because="With the missing line added. The proof above is the example that the text announces.",
        ),
    ),
)

COPY_OF_ARRAY = Step(
    name="copy-of-array",
    title="Breaking the link: .numpy().copy()",
    part=PART,
    code="""\
b = torch.Tensor(np.ones((5, 2)))
b += 1                     # the article did, to test the link
a2 = b.numpy().copy()
ours = bridge.to_numpy(b, copy=True)
a2 += 1
print(b)
print(a2)
""",
    article_output="""\
tensor([[1., 1.],
        [1., 1.],
        [1., 1.],
        [1., 1.],
        [1., 1.]])
array([[2., 2.],
       [2., 2.],
       [2., 2.],
       [2., 2.],
       [2., 2.]], dtype=float32)
""",
    pairs=(Pair("b", "a2", shares=False), Pair("b", "ours", shares=False)),
    claims=(
        Claim(
            says="The copy is independent: a2 += 1 leaves b alone",
            verdict=Verdict.AGREES,
            article="b.tolist() == ours.tolist() == [[2, 2]] * 5 and a2.dtype == np.float32",
        ),
        Claim(
            says="b prints ones and a2 twos",
            verdict=Verdict.IMPOSSIBLE,
            article="same(output, article_output)",
            facts=(
                "b.tolist() == [[2, 2]] * 5 and a2.tolist() == [[3, 3]] * 5",
                "(torch.ones(5, 2).numpy().copy() + 1).tolist() == [[2, 2]] * 5",
                "'array' not in output and 'dtype' not in output",
            ),
            because="b has held twos since b += 1, so a2 holds threes. The article's numbers belong to "
            "a fresh torch.ones(5, 2), and print() shows neither array(...) nor dtype.",
        ),
    ),
)

ARRAY_BACK_TO_TENSOR = Step(
    name="array-back-to-tensor",
    title="Task 3 in the article: from_numpy of the copy",
    part=PART,
    code="""\
a2 = np.full((5, 2), 2, dtype=np.float32)     # as it was printed
c1 = torch.from_numpy(a2)
ours = bridge.to_torch(a2)
c1 += 1
print(a2)
print(c1)
""",
    article_output="""\
array([[2., 2.],
       [2., 2.],
       [2., 2.],
       [2., 2.],
       [2., 2.]], dtype=float32)
tensor([[3., 3.],
        [3., 3.],
        [3., 3.],
        [3., 3.],
        [3., 3.]])
""",
    pairs=(Pair("a2", "c1", shares=True), Pair("a2", "ours", shares=True)),
    claims=(
        Claim(
            says="c1 += 1 changes a2 too, because both share memory",
            verdict=Verdict.AGREES,
            article="a2.tolist() == c1.tolist() == ours.tolist()",
        ),
        Claim(
            says="a2 prints twos and c1 threes",
            verdict=Verdict.IMPOSSIBLE,
            article="same(output, article_output)",
            facts=(
                "a2.tolist() == c1.tolist() == [[3, 3]] * 5",
                "'array' not in output and 'dtype' not in output",
            ),
            because="One block can't hold both: a2 prints threes. The print contradicts the text.",
        ),
    ),
)

EXERCISE = (
    THREE_TASKS,
    TORCH_TENSOR_FLOAT64,
    TORCH_TENSOR_FLOAT32,
    TORCH_ONES,
    CONVERT_TO_ARRAY,
    COPY_OF_ARRAY,
    ARRAY_BACK_TO_TENSOR,
)
