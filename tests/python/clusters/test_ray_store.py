"""Ray's object store: nothing is copied where objects arrive, and no write of a reader reaches it."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from on_workers import Reader, fill, mapped_from, raw
from support import base_array

ray = pytest.importorskip("ray", reason="the session clusters installs Ray")
torch = pytest.importorskip("torch", reason="the session clusters installs torch")

ROWS = 1 << 18  # of 24 elements: megabytes, which are not sent beside the store


def array(name: str = "float32") -> np.ndarray[Any, Any]:
    return np.tile(base_array(name), (ROWS // 4, 1))


def tensor(name: str = "float32") -> Any:
    return bridge.to_torch(array(name))


def parameter() -> Any:
    return torch.nn.Parameter(tensor())


MADE = {
    "float32": tensor,
    "bfloat16": lambda: tensor("bfloat16"),
    "float8": lambda: tensor("float8_e5m2"),
    "complex64": lambda: tensor("complex64"),
    "conjugated": lambda: tensor("complex64").conj(),
    "transposed": lambda: tensor().T,
    "slice": lambda: tensor()[1000:-1000],
    "gaps": lambda: tensor()[:, ::2],
    "leaf that requires grad": lambda: tensor().requires_grad_(),
    "Parameter": parameter,
    "View": lambda: bridge.view(tensor()),
    "View of bfloat16": lambda: bridge.view(tensor("bfloat16")),
    "ndarray": array,
    "ndarray of bfloat16": lambda: array("bfloat16"),
    "ndarray with gaps": lambda: array()[:, ::2],
}


@pytest.fixture(scope="module")
def readers(ray_cluster: Any) -> Iterator[dict[str, Any]]:
    """An actor on each node."""
    actor = ray.remote(num_cpus=0)(Reader)
    made = {name: actor.options(resources={name: 1}).remote() for name in ("first", "second")}
    yield made
    for reader in made.values():
        ray.kill(reader)


@pytest.mark.parametrize("kind", MADE)
def test_arrives_from_the_store_and_no_write_reaches_it(kind: str, readers: dict[str, Any]) -> None:
    x = MADE[kind]()
    ref = ray.put(x)
    expected, is_tensor = raw(x), isinstance(x, torch.Tensor)
    nodes = set()
    for reader in readers.values():
        seen = ray.get(reader.look.remote(ref))
        assert (seen["type"], seen["dtype"], seen["raw"]) == (type(x).__name__, str(x.dtype), expected)
        assert "/plasma" in seen["mapped"]
        assert seen["mapped"].startswith("rw-p" if is_tensor else "rw-s")
        refusal = ray.get(reader.write.remote(0x41))
        assert ("read-only" in refusal) is not is_tensor
        nodes.add(seen["node"])
    assert len(nodes) == 2
    here = ray.get(ref)
    assert "/plasma" in mapped_from(here)
    assert raw(here) == expected
    fill(here, 0x42)
    assert raw(ray.get(ref)) == expected
    assert raw(x) == expected
    if is_tensor:
        theirs = {ray.get(reader.kept.remote()) for reader in readers.values()}
        assert len(theirs | {raw(here), expected}) == 3  # the readers have written the same
        assert (here.requires_grad, here.is_conj(), here.stride()) == (
            x.requires_grad,
            x.is_conj(),
            x.stride() if kind != "gaps" else (12, 1),
        )


def test_results_of_workers_come_by_the_same_way(readers: dict[str, Any]) -> None:
    ref = ray.put(tensor("bfloat16"))
    for reader in readers.values():
        ray.get(reader.look.remote(ref))
        ray.get(reader.write.remote(0x43))
        result = ray.get(reader.back.remote())
        assert result.dtype == torch.bfloat16
        assert set(raw(result)) == {0x43}
        assert "/plasma" in mapped_from(result)


def test_nested_objects_and_modules(readers: dict[str, Any]) -> None:
    model = torch.nn.Linear(512, 512)
    there = ray.get(ray.put({"model": model, "batch": [tensor(), array()]}))
    assert "/plasma" in mapped_from(there["model"].weight)
    assert "/plasma" in mapped_from(there["batch"][0])
    assert torch.equal(there["model"].weight, model.weight)


@pytest.mark.parametrize(
    "make", [lambda: tensor()[:4], lambda: bridge.view(array()[:4]), lambda: array()[:4]]
)
def test_small_objects_are_sent_beside_the_store(make: Any, ray_cluster: Any) -> None:
    x = make()
    expected = raw(x)
    ref = ray.put(x)
    first, second = ray.get(ref), ray.get(ref)
    fill(first, 0x44)
    assert raw(second) == raw(ray.get(ref)) == expected


def test_what_is_kept_stays_although_the_store_needs_room(ray_cluster: Any) -> None:
    """Also the pages of a tensor that were not written, which are those of the store."""
    x = tensor()
    kept = [
        ray.get(ray.put(x)),
        ray.get(ray.put(x))[7:9],
        bridge.ray.private(ray.get(ray.put(bridge.view(x)))),
    ]
    gc.collect()
    for value in range(20):  # of the store's 256 MiB
        ray.get(ray.put(torch.full_like(x, value)))
    assert raw(kept[0]) == raw(x)
    assert raw(kept[1]) == raw(x[7:9])
    assert raw(kept[2]) == raw(x)


def test_a_killed_reader_leaves_the_store_as_it_was(ray_cluster: Any) -> None:
    class Victim(Reader):
        def process(self) -> int:
            return os.getpid()

    ref = ray.put(tensor())
    victim = ray.remote(num_cpus=0)(Victim).remote()
    ray.get(victim.look.remote(ref))
    ray.get(victim.write.remote(1))
    os.kill(ray.get(victim.process.remote()), signal.SIGKILL)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(victim.kept.remote())
    assert raw(ray.get(ref)) == raw(tensor())


class TestChoices:
    @pytest.fixture(autouse=True)
    def default_afterwards(self, ray_cluster: Any) -> Iterator[None]:
        yield
        bridge.ray.register()

    def test_private_view(self) -> None:
        ref = ray.put(array())
        x = bridge.ray.private(ray.get(ref))
        assert mapped_from(x).startswith("rw-p")
        bridge.to_torch(x).fill_(3)
        assert set(bridge.to_numpy(x).ravel()) == {3}
        assert raw(ray.get(ref)) == raw(array())

    def test_private_view_of_other_memory(self) -> None:
        with pytest.raises(bridge.SharingError, match="memory mapped from one file"):
            bridge.ray.private(np.ones(100_000))

    def test_copy(self) -> None:
        bridge.ray.register("copy")
        x = ray.get(ray.put(tensor()))
        assert "plasma" not in mapped_from(x)
        x.fill_(1)

    def test_refuse(self) -> None:
        bridge.ray.register("refuse")
        ref = ray.put(tensor())
        with pytest.raises(ray.exceptions.RaySystemError, match="read-only buffer"):
            ray.get(ref)

    def test_each_process_chooses(self, readers: dict[str, Any]) -> None:
        reader = readers["second"]
        ray.get(reader.register.remote("copy"))
        ref = ray.put(tensor())
        assert "plasma" not in ray.get(reader.look.remote(ref))["mapped"]
        assert "plasma" in mapped_from(ray.get(ref))
        ray.get(reader.register.remote("private"))

    def test_unknown(self) -> None:
        with pytest.raises(ValueError, match="readonly: expected 'private', 'copy' or 'refuse', got 'write'"):
            bridge.ray.register("write")  # type: ignore[arg-type]

    def test_rays_own_switch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RAY_ENABLE_ZERO_COPY_TORCH_TENSORS", "1")
        with pytest.raises(
            ValueError, match="cannot register with Ray while RAY_ENABLE_ZERO_COPY_TORCH_TENSORS"
        ):
            bridge.ray.register()


def test_reducers_of_the_program_come_first(ray_cluster: Any) -> None:
    dispatch = ray.cloudpickle.CloudPickler.dispatch
    dispatch[bridge.View] = lambda view: (str, ("reduced by the program",))
    try:
        assert ray.get(ray.put(bridge.view(array()))) == "reduced by the program"
    finally:
        del dispatch[bridge.View]


def test_other_picklers_are_not_touched(ray_cluster: Any) -> None:
    assert len(pickle.dumps(tensor()[:1], protocol=5)) > tensor().nbytes


def test_what_cannot_be_sent(ray_cluster: Any) -> None:
    with_history = tensor().requires_grad_() * 2
    with pytest.raises(Exception, match=r"Send x\.detach\(\)"):
        ray.put(with_history)


def test_registering_again_changes_nothing(ray_cluster: Any) -> None:
    before = len(ray.cloudpickle.CloudPickler.dispatch_table.maps)
    bridge.ray.register()
    assert len(ray.cloudpickle.CloudPickler.dispatch_table.maps) == before
