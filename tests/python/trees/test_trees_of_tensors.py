"""State dicts, optimizers and batches: every bit, alias and order is kept, and nothing is copied."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_ml_dtypes, needs_torch, torch

optree = pytest.importorskip("optree", reason="takes trees apart")

pytestmark = needs_torch


def bits(tensor: Any) -> tuple[Any, ...]:
    raw = tensor.detach().reshape(-1).view(torch.uint8) if tensor.numel() else tensor.new_empty(0)
    return tensor.dtype, tensor.shape, tensor.stride(), raw.tolist()


def model() -> Any:
    torch.manual_seed(0)
    parts = [torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3)]
    made = torch.nn.Sequential(*parts)
    made[2].weight = torch.nn.Parameter(made[0].weight.detach().T)  # tied, by another view
    return made


@needs_ml_dtypes
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_state_dicts_come_back_bit_by_bit(dtype: str) -> None:
    source = model().to(getattr(torch, dtype))
    state = source.state_dict()
    arrays = bridge.to_numpy(state, tree=True)
    again = bridge.to_torch(arrays, tree=True)
    assert type(arrays) is type(again) is OrderedDict
    assert list(arrays) == list(again) == list(state)
    assert arrays._metadata == again._metadata == state._metadata
    for name, tensor in state.items():
        assert bits(again[name]) == bits(tensor)
        assert again[name].data_ptr() == tensor.data_ptr()
    assert arrays["1.num_batches_tracked"].shape == ()
    arrays["1.num_batches_tracked"][...] = 41  # through NumPy, read in the module
    assert source[1].num_batches_tracked.item() == again["1.num_batches_tracked"].item() == 41
    target = model().to(getattr(torch, dtype))
    assert str(target.load_state_dict(again)) == "<All keys matched successfully>"


def test_tied_weights_stay_tied() -> None:
    made = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False))
    made[1].weight = made[0].weight
    arrays = bridge.to_numpy(made.state_dict(), tree=True)
    arrays["0.weight"][0, 0] = 99
    assert arrays["1.weight"][0, 0] == made[1].weight[0, 0].item() == 99
    parameters = bridge.to_torch({"a": made[0].weight, "b": made[1].weight}, tree=True)
    assert parameters["a"] is parameters["b"] is made[0].weight
    assert bridge.to([made[0].weight], "torch", tree=True)[0] is made[0].weight


@pytest.mark.parametrize("kind", ["Adam", "SGD", "Adagrad"])
def test_states_of_optimizers(kind: str) -> None:
    parameters = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2, 2))]
    more = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(torch.optim, kind)(parameters, lr=0.1, **more)
    sum(p.sum() for p in parameters).backward()
    optimizer.step()
    state = {
        "optimizer": optimizer.state_dict(),
        "model": OrderedDict(x=torch.ones(1)),
        "epoch": 3,
        "note": None,
    }
    state["model"]._metadata = {"version": 2}
    arrays = bridge.to_numpy(state, tree=True)
    groups = arrays["optimizer"]["param_groups"]
    assert groups == state["optimizer"]["param_groups"]
    assert groups[0] is not state["optimizer"]["param_groups"][0]
    assert (arrays["epoch"], arrays["note"], arrays["model"]._metadata) == (3, None, {"version": 2})
    again = bridge.to_torch(arrays, tree=True)
    before, after = (optree.tree_leaves(tree) for tree in (state, again))
    for one, two in zip(before, after, strict=True):
        assert bits(one) == bits(two) if isinstance(one, torch.Tensor) else one is two
    assert bridge.shares_memory(state, again, tree=True)
    optimizer.load_state_dict(again["optimizer"])


def test_a_snapshot_is_not_changed_by_training() -> None:
    layer = torch.nn.Linear(2, 1)
    saved = bridge.to_numpy(layer.state_dict(), copy=True, tree=True)
    before = copy.deepcopy(saved)
    with torch.no_grad():
        layer.weight += 1
    assert np.array_equal(saved["weight"], before["weight"])
    assert not bridge.shares_memory(saved, layer.state_dict(), tree=True)
    assert layer.weight.untyped_storage().resizable()


def test_parameters_are_refused_by_path() -> None:
    layer = torch.nn.Linear(2, 1)
    with pytest.raises(bridge.TreeError) as caught:
        bridge.to_numpy({"layers": [dict(layer.named_parameters())]}, tree=True)
    assert list(caught.value.refusals) == ["tree['layers'][0]['weight']", "tree['layers'][0]['bias']"]
    assert caught.value.field == "requires_grad"
    assert "t.detach()" in caught.value.hint
    assert not bridge.explain(dict(layer.named_parameters()), tree=True)


def test_batches_of_a_loader() -> None:
    samples = [{"image": np.full((2, 2), i, np.float32), "label": i, "name": f"n{i}"} for i in range(4)]
    for batch in torch.utils.data.DataLoader(samples, batch_size=2):
        arrays = bridge.to_numpy(batch, tree=True)
        assert arrays["name"] == batch["name"]
        arrays["image"][0, 0, 0] = 70
        assert batch["image"][0, 0, 0] == 70
        assert arrays["label"].tolist() == batch["label"].tolist()


def test_observations_of_an_environment() -> None:
    observation = {
        "camera": (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)[::-1]),
        "position": OrderedDict(x=np.float64(1.5), goal=np.zeros(2)),
        "mission": "go",
    }
    with pytest.raises(bridge.TreeError) as caught:
        bridge.to_torch(observation, tree=True)
    assert list(caught.value.refusals) == ["tree['camera'][1]"]
    tensors = bridge.to_torch(observation, copy=None, tree=True)
    tensors["camera"][0][0, 0, 0] = 9
    tensors["camera"][1][0, 0, 0] = 8
    assert observation["camera"][0][0, 0, 0] == 9
    assert not observation["camera"][1].any()
    assert tensors["position"]["x"] is observation["position"]["x"]
    assert bridge.to(tensors, observation["camera"][0], tree=True)["mission"] == "go"


def test_many_kinds_of_arrays_at_once() -> None:
    block, frozen = bytearray(4), np.zeros(2)
    frozen.flags.writeable = False
    tree = [block, frozen, torch.zeros(2), bridge.view(block), memoryview(block)]
    arrays = bridge.to_numpy(tree, tree=True)
    assert [array.flags.writeable for array in arrays] == [True, False, True, True, True]
    arrays[0][0] = 3
    assert (block[0], arrays[3][0], arrays[4][0]) == (3, 3, 3)
    with pytest.raises(BufferError):
        block.extend(b"1")
    tensors = bridge.to_torch(tree, allow_readonly=True, tree=True)
    assert bridge.shares_memory(tensors[1], frozen)
