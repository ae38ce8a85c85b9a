"""Objects as frames of Dask's messages, without a cluster."""

from __future__ import annotations

import ctypes
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from on_workers import raw
from support import TENSOR_LAYOUTS, base_array

distributed = pytest.importorskip("distributed", reason="the session clusters installs distributed")
torch = pytest.importorskip("torch", reason="the session clusters installs torch")

from dask.sizeof import sizeof  # noqa: E402
from distributed.protocol import deserialize, deserialize_bytes, serialize, serialize_bytelist  # noqa: E402
from distributed.protocol.core import dumps as dump_message  # noqa: E402
from distributed.protocol.core import loads as load_message  # noqa: E402
from distributed.protocol.serialize import Serialize  # noqa: E402
from distributed.spill import SpillBuffer  # noqa: E402

HERE = {end: {"address": f"tcp://127.0.0.1:{port}"} for end, port in (("sender", 1), ("recipient", 2))}
ELSEWHERE = {**HERE, "recipient": {"address": "tcp://10.0.0.2:2"}}

DTYPES = ("bool", "uint8", "int64", "float16", "float32", "complex128", "bfloat16", "float8_e4m3fn")


@pytest.fixture(autouse=True, scope="module")
def registered() -> None:
    bridge.dask.register()


def sent(x: Any, at: int = 0) -> Any:
    """Send `x` in one message, whose bytes begin at an address that is `at` modulo 64."""
    frames = dump_message({"x": Serialize(x)}, frame_split_size=1 << 20)
    lengths = [memoryview(frame).nbytes for frame in frames]
    room = (ctypes.c_char * (sum(lengths) + 128))()
    start = -ctypes.addressof(room) % 64 + at
    message = memoryview(room).cast("B")[start : start + sum(lengths)]
    received = []
    for frame, length in zip(frames, lengths, strict=True):
        received.append(message[:length])
        received[-1][:] = memoryview(frame).cast("B")
        message = message[length:]
    return load_message(received)["x"]


@pytest.mark.parametrize("layout", TENSOR_LAYOUTS)
@pytest.mark.parametrize("name", DTYPES)
def test_tensors_and_views(name: str, layout: str) -> None:
    x = TENSOR_LAYOUTS[layout](bridge.to_torch(base_array(name)))
    for source in (x, bridge.view(x)):
        arrived = sent(source, at=3)
        assert type(arrived) is type(source)
        assert (str(arrived.dtype), tuple(arrived.shape)) == (str(source.dtype), tuple(source.shape))
        assert raw(arrived) == raw(x)


@pytest.mark.parametrize("at", [0, 1, 8, 16, 31, 63])
def test_tensors_lie_in_the_message_wherever_it_begins(at: int) -> None:
    """Aligned, and not copied: what is next to them is the rest of the message."""
    arrived = sent(torch.arange(100_000, dtype=torch.float64), at)
    assert arrived.data_ptr() % 16 == 0
    arrived += 1
    assert arrived.sum() == 100_000 * 100_001 / 2
    assert not bridge.view(arrived).readonly
    assert type(bridge.view(arrived).owner).__module__ != "numpy"  # as a copy would be


def in_one_message(frames: Any, at: int = 3) -> list[memoryview]:
    """The frames one after the other; the last begins at an address that is `at` modulo 64."""
    room = memoryview(bytearray(sum(frame.nbytes for frame in frames) + 64))
    start = -np.frombuffer(room, np.uint8).ctypes.data % 64 + at
    padding, data = room[start : start + 64], room[start + 64 : start + 64 + frames[1].nbytes]
    data[:] = frames[1].cast("B")
    return [padding, data]


def test_a_message_may_be_read_twice() -> None:
    x = torch.arange(1000.0)
    header, frames = serialize(x)
    received = in_one_message(frames)
    first, second = (deserialize(header, received) for _ in range(2))
    first[0] = 7
    assert second[0] == 7
    assert torch.equal(second[1:], x[1:])


def joined(frames: Any) -> list[memoryview]:
    whole = memoryview(b"".join(frames))
    return [whole[:64], whole[64:]]


@pytest.mark.parametrize("x", [torch.arange(1000.0), torch.arange(3.0), bridge.view(np.arange(7.0))])
@pytest.mark.parametrize(
    "copied",
    [
        lambda frames: [bytes(frame) for frame in frames],
        lambda frames: [bytearray(frame) for frame in frames],
        lambda frames: [frame.toreadonly() for frame in frames],
        joined,
        lambda frames: frames,
    ],
    ids=["bytes", "bytearrays", "read-only", "read-only, joined", "the same"],
)
def test_a_message_that_was_read_may_be_read_elsewhere(x: Any, copied: Any) -> None:
    """Its bytes have moved into the padding."""
    header, frames = serialize(x)
    received = in_one_message(frames)
    assert raw(deserialize(header, received)) == raw(x)
    assert received[0][0]
    assert raw(deserialize(header, copied(received))) == raw(x)
    assert raw(deserialize(header, [bytes(frame) for frame in frames])) == raw(x)  # as it was sent


@pytest.mark.parametrize("padding", [bytes([64]) * 64, b"\xff" * 64, bytes(63), bytes(65), b""])
def test_damaged_padding(padding: bytes) -> None:
    header, frames = serialize(torch.arange(6.0))
    with pytest.raises(bridge.SharingError, match=r"expected 64 bytes that Dask has sent.*unpickle\.padding"):
        deserialize(header, [padding, bytes(frames[1])])


def test_the_bytes_are_those_of_the_object() -> None:
    x = torch.arange(1000.0)
    header, frames = serialize(x)
    assert header["serializer"] == "dask"
    assert [memoryview(frame).nbytes for frame in frames] == [64, 4000]
    x[0] = 7
    assert np.frombuffer(frames[1], np.float32)[0] == 7


def test_a_slice_sends_its_elements() -> None:
    _, frames = serialize(torch.zeros(1 << 20)[10:20])
    assert [memoryview(frame).nbytes for frame in frames] == [64, 40]


def test_conjugated_leaf_and_gradient() -> None:
    assert sent(torch.ones(3, dtype=torch.complex64).conj()).is_conj()
    x = torch.ones(3, requires_grad=True)
    (x * x).sum().backward()
    arrived = sent(x)
    assert arrived.requires_grad
    assert arrived.grad.tolist() == [2, 2, 2]


def test_modules_and_parameters() -> None:
    model = torch.nn.Linear(3, 2)
    arrived = sent(model)
    assert torch.equal(arrived.weight, model.weight)
    assert isinstance(sent(model.weight), torch.nn.Parameter)


class Labelled(torch.Tensor):
    pass


def test_subclasses() -> None:
    x = torch.ones(3).as_subclass(Labelled)
    x.label = "a"
    arrived = sent(x)
    assert (type(arrived), arrived.label, arrived.tolist()) == (Labelled, "a", [1, 1, 1])


def test_sparse_tensors_are_pickled() -> None:
    x = torch.eye(3).to_sparse()
    header, _ = serialize(x)
    assert header["serializer"] == "pickle"
    assert torch.equal(sent(x).to_dense(), x.to_dense())


@pytest.mark.parametrize("readonly", [False, True])
def test_readonly_frames(readonly: bool) -> None:
    """As from a decompressor: Views over them are read-only, tensors are copied."""
    view = bridge.view(np.arange(6.0), readonly=readonly)
    header, frames = serialize(view)
    assert deserialize(header, [bytes(frame) for frame in frames]).readonly
    header, frames = serialize(torch.arange(6.0))
    arrived = deserialize(header, [bytes(frame) for frame in frames])
    arrived[0] = 7
    assert arrived.tolist() == [7, 1, 2, 3, 4, 5]


def test_damaged_frames() -> None:
    header, frames = serialize(torch.arange(6.0))
    with pytest.raises(bridge.SharingError, match="within the 23 bytes that arrived"):
        deserialize(header, [bytes(frames[0]), bytes(frames[1])[:-1]])


def test_what_cannot_be_sent_says_why() -> None:
    x = torch.ones(3, requires_grad=True) * 2
    with pytest.raises(TypeError) as error:
        serialize(x, on_error="raise")
    assert "Send x.detach()" in str(error.value.__cause__)


def test_sizes_are_counted() -> None:
    x = torch.zeros(1000)
    assert sizeof(x) == sizeof(bridge.view(x)) == 4000
    assert sizeof(bridge.shared_empty(1000, "float32")) < 1000


def weights_of(x: Any) -> Any:
    return getattr(x, "weights", x)


def test_spilling(tmp_path: Any) -> None:
    """To the disk and back: values, also of blocks, whose handles would be stale by then."""
    block = bridge.shared_empty(50_000, "bfloat16")
    bridge.to_torch(block).fill_(3)
    made = {
        "tensor": torch.arange(50_000, dtype=torch.bfloat16),
        "view": bridge.view(np.arange(50_000.0)),
        "block": block,
        "model": SimpleNamespace(weights=block),
    }
    buffer = SpillBuffer(str(tmp_path), target=1 << 30)
    expected = {key: raw(weights_of(x)) for key, x in made.items()}
    for key, x in made.items():
        buffer[key] = x
    del block, made, x
    while buffer.fast:
        assert buffer.evict() > 0
    assert set(buffer.slow) == set(expected)
    assert {key: raw(weights_of(buffer[key])) for key in expected} == expected
    assert type(buffer["block"]) is bridge.SharedBlock


class TestBlocks:
    @pytest.fixture
    def block(self) -> Any:
        block = bridge.shared_empty(100_000, "float32")
        bridge.to_numpy(block)[:] = 1
        return block

    def test_a_handle_on_this_machine(self, block: Any) -> None:
        header, frames = serialize(block, context=HERE)
        assert sum(memoryview(frame).nbytes for frame in frames) < 300
        there = deserialize(header, frames)
        bridge.to_numpy(there)[0] = 7
        assert bridge.to_numpy(block)[0] == 7

    @pytest.mark.parametrize("context", [ELSEWHERE, None], ids=["another machine", "disk"])
    def test_values_elsewhere(self, block: Any, context: Any) -> None:
        header, frames = serialize(block, context=context)
        assert sum(memoryview(frame).nbytes for frame in frames) > block.nbytes
        there = deserialize(header, [bytearray(frame) for frame in frames])
        assert type(there) is bridge.SharedBlock
        assert not bridge.shares_memory(there, block)
        assert raw(there) == raw(block)

    @pytest.mark.parametrize(("context", "shared"), [(HERE, True), (ELSEWHERE, False), (None, False)])
    @pytest.mark.parametrize(
        ("group", "first"),
        [
            (lambda x: [x], lambda group: group[0]),
            (lambda x: {"x": x}, lambda group: group["x"]),
            (lambda x: [object, (x, 1)], lambda group: group[1][0]),
            (lambda x: SimpleNamespace(weights=x), lambda group: group.weights),
            (lambda x: SimpleNamespace(deep=[{"weights": x}]), lambda group: group.deep[0]["weights"]),
        ],
        ids=["list", "dict", "mixed", "attribute", "deep"],
    )
    def test_in_other_objects(self, group: Any, first: Any, context: Any, shared: bool, block: Any) -> None:
        """As by itself: a handle on this machine, and else values."""
        header, frames = serialize(group(block), context=context)
        there = first(deserialize(header, [bytearray(frame) for frame in frames]))
        assert type(there) is bridge.SharedBlock
        assert bridge.shares_memory(there, block) == shared
        assert there.readonly == (not shared)
        assert raw(there) == raw(block)

    def test_pickles_of_others_are_handles(self, block: Any) -> None:
        serialize(SimpleNamespace(weights=block))
        assert len(pickle.dumps(SimpleNamespace(weights=block))) < 500

    def test_those_made_elsewhere_are_read_only_and_sent_on(self, block: Any) -> None:
        there = deserialize(*serialize(block))
        assert there.readonly
        again = pickle.loads(pickle.dumps(there))
        assert again.readonly
        assert bridge.shares_memory(there, again)
        bridge.to_torch(bridge.dask.private(again)).fill_(9)
        assert set(bridge.to_numpy(there)) == {1}


def test_nothing_is_joined() -> None:
    frames = serialize_bytelist(torch.zeros(1 << 20))
    assert 1 << 22 in [memoryview(frame).nbytes for frame in frames]
    assert raw(deserialize_bytes(b"".join(frames))) == bytes(1 << 22)
