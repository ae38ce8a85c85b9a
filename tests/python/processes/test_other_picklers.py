"""Parts for other people's picklers: the mixin, registered reducers, and objects without a pickler."""

from __future__ import annotations

import copy
import copyreg
import io
import multiprocessing.reduction
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.processes.reducing import describe, rebuild
from support import ARRAY_DTYPES, LAYOUTS, assert_aliases, base_array, dtype_layouts, needs_torch, peek, torch


def sent(x: Any) -> tuple[bytes, list[Any]]:
    buffers: list[Any] = []
    return pickle.dumps(x, protocol=5, buffer_callback=buffers.append), buffers


class Mixed(bridge.ReducerMixin, pickle.Pickler):
    pass


class Base(pickle.Pickler):
    """A pickler with a reducer of its own."""

    def reducer_override(self, x: Any) -> Any:
        return (complex, (1, 2)) if x is Ellipsis or isinstance(x, Special) else NotImplemented


class Special:
    pass


class MixedWithReducer(bridge.ReducerMixin, Base):
    pass


class TestMixin:
    def send(self, kind: Any, x: Any) -> tuple[Any, list[Any]]:
        buffers: list[Any] = []
        file = io.BytesIO()
        kind(file, 5, buffer_callback=buffers.append).dump(x)
        return pickle.loads(file.getvalue(), buffers=buffers), buffers

    def test_buffers_out_of_band(self) -> None:
        source = base_array()[::2], base_array()
        arrived, buffers = self.send(Mixed, source)
        assert len(buffers) == 2
        assert [peek(x) for x in arrived] == [peek(x) for x in source]
        assert_aliases(arrived[1], source[1])

    def test_what_lies_in_an_earlier_object_is_an_alias(self) -> None:
        array = base_array()
        (whole, part), buffers = self.send(Mixed, [array, array[5:9]])
        assert len(buffers) == 1
        part[0] = 77
        assert whole[5] == 77

    @pytest.mark.parametrize("kind", [Mixed, bridge.Pickler])
    def test_a_pickler_that_is_used_again_sends_the_values_of_now(self, kind: Any) -> None:
        array, file = np.zeros(6), io.BytesIO()
        pickler = kind(file, 5)
        pickler.dump([array[::2]])
        array[:] = 1
        pickler.clear_memo()
        pickler.dump([array[::2]])
        file.seek(0)
        assert [pickle.load(file)[0].tolist() for _ in range(2)] == [[0, 0, 0], [1, 1, 1]]

    def test_the_reducer_of_the_pickler_comes_after_ours(self) -> None:
        (array, special), buffers = self.send(MixedWithReducer, [base_array(), Special()])
        assert len(buffers) == 1
        assert peek(array) == peek(base_array())
        assert special == 1 + 2j

    def test_cloudpickle(self) -> None:
        cloudpickle = pytest.importorskip("cloudpickle")

        class CloudPickler(bridge.ReducerMixin, cloudpickle.Pickler):
            pass

        array = base_array()
        function, buffers = self.send(CloudPickler, lambda: array)
        assert len(buffers) == 1
        assert_aliases(function(), array)


@pytest.fixture
def registered() -> Iterator[None]:
    before = dict(copyreg.dispatch_table)
    bridge.register_reducers()
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(before)


@pytest.mark.usefixtures("registered")
class TestRegistered:
    def test_arrays_whose_own_pickling_is_in_band(self) -> None:
        source = base_array()[::2]
        data, buffers = sent(source)
        assert len(buffers) == 1
        assert peek(pickle.loads(data, buffers=buffers)) == peek(source)

    @needs_torch
    def test_tensors(self) -> None:
        source = torch.arange(6.0)
        data, buffers = sent([source, source[:]])
        assert len(buffers) == 1
        first, second = pickle.loads(data, buffers=buffers)
        assert_aliases(source, first)
        assert_aliases(first, second)

    @needs_torch
    def test_parameters_and_modules(self) -> None:
        data, buffers = sent(torch.nn.Linear(3, 3))
        assert len(buffers) == 2
        assert len(data) < 3000
        pickle.loads(data, buffers=buffers)

    @needs_torch
    def test_torch_save_writes_files_that_need_nothing_of_ours(self) -> None:
        source = {"weight": torch.arange(6.0), "model": torch.nn.Linear(2, 2).state_dict()}
        file = io.BytesIO()
        torch.save(source, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=True)
        assert torch.equal(loaded["weight"], source["weight"])

    @needs_torch
    def test_copies_of_tensors_are_as_before(self) -> None:
        source = torch.arange(6.0)
        assert copy.copy(source).data_ptr() == source.data_ptr()
        assert copy.copy(source).untyped_storage()._cdata == source.untyped_storage()._cdata
        assert copy.deepcopy(source).data_ptr() != source.data_ptr()

    def test_copies_of_arrays_are_as_before(self) -> None:
        source = base_array()
        for other in (copy.copy(source), copy.deepcopy(source)):
            assert other.flags.owndata
            assert not np.shares_memory(other, source)

    @needs_torch
    def test_torchs_reducers_for_processes_are_not_touched(self) -> None:
        import torch.multiprocessing.reductions as theirs

        known = multiprocessing.reduction.ForkingPickler._extra_reducers  # type: ignore[attr-defined]
        assert known[torch.Tensor] is theirs.reduce_tensor

    def test_the_rest_pickles_as_ever(self) -> None:
        source = np.array(["a", None], object)
        data, buffers = sent(source)
        assert pickle.loads(data, buffers=buffers).tolist() == source.tolist()


def test_nothing_is_registered_by_import() -> None:
    assert np.ndarray not in copyreg.dispatch_table
    assert torch is None or torch.Tensor not in copyreg.dispatch_table


def test_a_dispatch_table() -> None:
    table: dict[type, Any] = {}
    bridge.register_reducers(table)
    assert np.ndarray in table
    file = io.BytesIO()
    buffers: list[Any] = []
    pickler = pickle.Pickler(file, 5, buffer_callback=buffers.append)
    pickler.dispatch_table = table
    pickler.dump(base_array()[::-1])
    assert peek(pickle.loads(file.getvalue(), buffers=buffers)) == peek(base_array()[::-1])


def test_a_class_with_register() -> None:
    class Pickler(multiprocessing.reduction.ForkingPickler):
        _extra_reducers: dict[Any, Any] = {}  # noqa: RUF012

    bridge.register_reducers(Pickler)
    assert np.ndarray in Pickler._extra_reducers
    arrived = pickle.loads(Pickler.dumps(base_array()[::2]))
    assert peek(arrived) == peek(base_array()[::2])


def parameter(x: Any) -> Any:
    return torch.nn.Parameter(x)


class TestWithoutPickler:
    @pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, LAYOUTS))
    def test_arrays(self, name: str, layout: str) -> None:
        source = LAYOUTS[layout](base_array(name))
        frames, metadata = describe(source)
        assert sum(frame.nbytes for frame in frames) <= max(source.nbytes, 24 * 16)
        arrived = rebuild(metadata, [bytearray(frame) for frame in frames])
        assert peek(arrived) == peek(source)

    def test_metadata_is_plain(self) -> None:
        """So that other formats can carry it; their lists are as good as tuples."""
        _, metadata = describe(base_array().reshape(4, 6)[:, ::2])

        def plain(x: Any) -> bool:
            return isinstance(x, (int, str, type(None))) or (isinstance(x, tuple) and all(map(plain, x)))

        def listed(x: Any) -> Any:
            return [listed(part) for part in x] if isinstance(x, tuple) else x

        assert plain(metadata)
        frames, metadata = describe(base_array().reshape(4, 6).T)
        assert_aliases(rebuild(listed(metadata), frames), rebuild(metadata, frames))

    @needs_torch
    @pytest.mark.parametrize(
        "make", [lambda x: x, lambda x: x.requires_grad_(), lambda x: torch.nn.Parameter(x)]
    )
    def test_tensors(self, make: Any) -> None:
        source = make(torch.arange(6.0))
        frames, metadata = describe(source)
        arrived = rebuild(metadata, frames)
        assert (type(arrived), arrived.requires_grad) == (type(source), source.requires_grad)
        assert_aliases(source.detach(), arrived.detach())

    @pytest.mark.parametrize("x", [3, "text", None, np.array([None]), np.zeros(2, "M8[s]")], ids=repr)
    def test_what_is_not_ours(self, x: Any) -> None:
        with pytest.raises(TypeError, match=r"cannot describe a .*: send it as its library does"):
            describe(x)
