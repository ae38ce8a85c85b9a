"""Trees: every array is shared, containers keep their types, and what is no array is passed on."""

from __future__ import annotations

import enum
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, run_python, torch

optree = pytest.importorskip("optree", reason="takes trees apart")

Point = namedtuple("Point", ["x", "y"])


@dataclass
class Plain:
    image: Any
    label: str = "cat"


@dataclass(frozen=True)
class Frozen:
    image: Any
    made: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        self.made.append("made")


@dataclass(frozen=True)
class Slotted:
    __slots__ = ("image",)
    image: Any


class Partly:
    """A class that is registered with optree, by one of its attributes."""

    def __init__(self, image: Any) -> None:
        self.image = image


optree.register_pytree_node(
    Partly,
    lambda x: ((x.image,), None, ("image",)),
    lambda _, children: Partly(*children),
    path_entry_type=optree.GetAttrEntry,
    namespace="test_trees",
)

SELECT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "dict": (lambda x: {"b": x, "a": 1}, lambda tree: tree["b"]),
    "keys that cannot be sorted": (lambda x: {"b": x, 3: 1, None: 2}, lambda tree: tree["b"]),
    "OrderedDict": (lambda x: OrderedDict(b=x, a=1), lambda tree: tree["b"]),
    "defaultdict": (lambda x: defaultdict(list, b=x), lambda tree: tree["b"]),
    "list": (lambda x: [1, x], lambda tree: tree[1]),
    "tuple": (lambda x: (1, x), lambda tree: tree[1]),
    "deque": (lambda x: deque([1, x], maxlen=5), lambda tree: tree[1]),
    "namedtuple": (lambda x: Point(1, x), lambda tree: tree.y),
    "dataclass": (lambda x: Plain(x), lambda tree: tree.image),
    "frozen dataclass": (lambda x: Frozen(x), lambda tree: tree.image),
    "dataclass with slots": (lambda x: Slotted(x), lambda tree: tree.image),
    "an array alone": (lambda x: x, lambda tree: tree),
    "everything": (
        lambda x: {"c": [Plain((1, OrderedDict(d=Point(None, Frozen(x)))))]},
        lambda tree: tree["c"][0].image[1]["d"].y.image,
    ),
}


def shape_of(tree: Any) -> Any:
    """What must be the same on both sides: types and order."""
    if isinstance(tree, dict):
        return type(tree), [(key, shape_of(value)) for key, value in tree.items()]
    if isinstance(tree, (list, tuple, deque)):
        return type(tree), [shape_of(part) for part in tree], getattr(tree, "maxlen", 0)
    return type(tree)


@pytest.mark.parametrize("name", SELECT)
def test_containers_keep_their_type_and_order(name: str) -> None:
    make, select = SELECT[name]
    block = bytearray(4)
    tree = make(block)
    found = bridge.to_numpy(tree, tree=True)
    select(found)[0] = 7
    assert block[0] == 7
    assert select(tree) is block
    if name != "an array alone":
        assert found is not tree
        assert shape_of(bridge.to_numpy(make(1), tree=True)) == shape_of(make(1))
        assert shape_of(found)[:1] == shape_of(tree)[:1] if isinstance(tree, (dict, list, tuple)) else True


def test_settings_of_containers_are_kept() -> None:
    found = bridge.view({"d": defaultdict(list, x=b"1"), "q": deque([b"1"], maxlen=3)}, tree=True)
    assert found["d"].default_factory is list
    assert found["q"].maxlen == 3


def test_dataclasses_are_not_made_anew() -> None:
    tree = Frozen(np.zeros(2))
    found = bridge.view(tree, tree=True)
    assert (type(found), type(found.image)) == (Frozen, bridge.View)
    assert found.made == tree.made == ["made"]
    assert isinstance(tree.image, np.ndarray)
    partly = object.__new__(Plain)  # a field that was never set stays so; the other has a default
    assert not hasattr(bridge.view(partly, tree=True), "image")


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [None, "text", 1, 2.5, 3j, True, np.float32(1), np.bool_(True), Colour.RED, np.str_("a")],
    ids=repr,
)
def test_values_are_passed_on(value: Any) -> None:
    for convert in (bridge.view, bridge.to_numpy):
        for found in (convert([value, value], tree=True), convert([value, b"1"], tree=True)):
            assert found[0] is value


@pytest.mark.parametrize("empty", [None, {}, [], (), 5], ids=repr)
def test_trees_without_arrays(empty: Any) -> None:
    assert bridge.to_numpy(empty, tree=True) == empty
    assert not bridge.shares_memory(empty, empty, tree=True)
    assert bridge.explain(empty, tree=True)


def test_one_object_has_one_result() -> None:
    x, other = bytearray(4), bytearray(4)
    for tree in ([x, x, other], [x, 1, x, other, None]):
        found = [part for part in bridge.to_numpy(tree, tree=True) if isinstance(part, np.ndarray)]
        assert found[0] is found[1]
        assert found[2] is not found[0]
    copies = bridge.to_numpy([x, x], copy=True, tree=True)
    assert copies[0] is copies[1]
    assert not bridge.shares_memory(copies, x, tree=True)


def test_views_of_one_block_still_share() -> None:
    block = np.zeros(6)
    views = bridge.view({"all": block, "half": block[3:]}, tree=True)
    bridge.to_numpy(views["half"])[0] = 9
    assert bridge.to_numpy(views["all"])[3] == 9
    assert bridge.shares_memory(views["all"], views["half"])


def test_keywords_reach_every_array() -> None:
    block = np.zeros(3)
    assert bridge.view([block], readonly=True, tree=True)[0].readonly
    (copied,) = bridge.to_numpy([block], copy=True, tree=True)
    copied[0] = 1
    assert block[0] == 0
    assert bridge.to_numpy(block, tree=False) is block
    assert bridge.to_numpy([block], copy=0, tree=True)[0] is block  # type: ignore[arg-type]
    assert bridge.to([b"1"], "numpy", tree=True)[0].tolist() == [49]
    assert bridge.to([block], np, copy=True, tree=True)[0] is not block
    with pytest.raises(TypeError, match="unexpected keyword argument 'trees'"):
        bridge.view(block, trees=True)
    with pytest.raises(TypeError, match="a name of one of"):
        bridge.to([block], "nothing", tree=True)


def test_classes_of_a_namespace() -> None:
    block = np.zeros(2)
    found = bridge.view({"p": Partly(block)}, tree="test_trees")
    assert type(found["p"]) is Partly
    bridge.to_numpy(found["p"].image)[0] = 4
    assert block[0] == 4
    with pytest.raises(bridge.TreeError, match=r"^tree\['p'\]: .*Register its class"):
        bridge.view({"p": Partly(block)}, tree=True)
    with pytest.raises(bridge.TreeError, match=r"^tree\['p'\].image: "):
        bridge.view({"p": Partly(object())}, tree="test_trees")


def test_a_dataclass_that_offers_memory_is_an_array() -> None:
    @dataclass
    class Wrapped:
        array: Any

        @property
        def __array_interface__(self) -> Any:
            return self.array.__array_interface__

    block = np.zeros(2)
    bridge.to_numpy([Wrapped(block)], tree=True)[0][1] = 3
    assert block[1] == 3


def test_nothing_is_imported_before_a_tree_is_asked_for() -> None:
    run_python("""
import sys, numpy as np, numpy_bridge as bridge
bridge.to_numpy(np.zeros(1), tree=False)
assert "optree" not in sys.modules and "numpy_bridge.trees" not in sys.modules
sys.modules["optree"] = None
for _ in range(2):
    try:
        bridge.to_numpy([b"1"], tree=True)
    except ImportError as error:
        assert "numpy-bridge[trees]" in str(error)
    else:
        raise AssertionError
del sys.modules["optree"]
assert bridge.to_numpy([b"1"], tree=True)[0].tolist() == [49]
assert not {"torch", "jax", "rich"} & set(sys.modules)
""")


@needs_torch
def test_classes_that_torch_knows() -> None:
    from torch.utils import _pytree

    class Named:
        def __init__(self, **parts: Any) -> None:
            self.parts = parts

    class Unnamed(Named):
        pass

    def apart(x: Named) -> tuple[list[Any], list[str]]:
        return list(x.parts.values()), list(x.parts)

    def keyed(x: Named) -> tuple[list[tuple[Any, Any]], list[str]]:
        return [(_pytree.GetAttrKey(name), part) for name, part in x.parts.items()], list(x.parts)

    for kind, keys in ((Named, keyed), (Unnamed, None)):
        _pytree.register_pytree_node(
            kind,
            apart,
            lambda parts, names, kind=kind: kind(**dict(zip(names, parts, strict=True))),
            flatten_with_keys_fn=keys,
        )
    t = torch.zeros(3)
    for kind, path in ((Named, ".bad"), (Unnamed, "[<flat index 1>]")):
        found = bridge.to_numpy([kind(a=t, n=1)], tree=True)[0]
        assert type(found) is kind
        found.parts["a"][0] += 1
        with pytest.raises(bridge.TreeError) as caught:
            bridge.to_numpy([kind(a=t, bad=t._neg_view())], tree=True)
        assert list(caught.value.refusals) == [f"tree[0]{path}"]
    assert t.tolist() == [2, 0, 0]
    assert bridge.to_numpy([kind()], tree=True)[0].parts == {}
    assert type(bridge.to_numpy(torch.max(torch.ones(2, 2), 0), tree=True)) is torch.return_types.max
    assert bridge.to_numpy(torch.Size([2]), tree=True) == (2,)


def test_classes_that_jax_knows() -> None:
    jax = pytest.importorskip("jax", reason="registers classes")

    @jax.tree_util.register_pytree_with_keys_class
    class FrozenDict:  # as that of flax
        def __init__(self, parts: dict[str, Any]) -> None:
            self.parts = parts

        def tree_flatten_with_keys(self) -> Any:
            return [(jax.tree_util.DictKey(k), v) for k, v in self.parts.items()], tuple(self.parts)

        @classmethod
        def tree_unflatten(cls, keys: Any, parts: Any) -> FrozenDict:
            return cls(dict(zip(keys, parts, strict=True)))

    params = FrozenDict({"dense": {"kernel": jax.numpy.ones(3), "none": None}})
    found = bridge.to_numpy({"params": params}, tree=True)["params"]
    assert type(found) is FrozenDict
    kernel = found.parts["dense"]["kernel"]
    assert not kernel.flags.writeable
    assert bridge.shares_memory(kernel, params, tree=True)
    with pytest.raises(bridge.TreeError) as caught:
        bridge.to_torch({"params": params}, tree=True)
    assert list(caught.value.refusals) == ["tree['params']['dense']['kernel']"]
    assert caught.value.field == "readonly"
    aligned = bridge.to_numpy(bridge.empty(2, "float32"))
    back = bridge.to_jax([aligned], allow_mutable=True, tree=True)[0]
    assert bridge.shares_memory(back, aligned)
