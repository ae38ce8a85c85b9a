"""What is built on Ray's store: compiled graphs, Ray Data, and what `explain` says about its objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from on_workers import fill, mapped_from

ray = pytest.importorskip("ray", reason="the session clusters installs Ray")
torch = pytest.importorskip("torch", reason="the session clusters installs torch")

pytestmark = pytest.mark.usefixtures("ray_cluster")


class AddOne:
    def run(self, x: Any) -> Any:
        return x + 1


class InPlace:
    def run(self, x: Any) -> Any:
        return x.add_(1)


def compiled(actor: type, count: int, **options: Any) -> Any:
    """A chain of actors on the driver's node."""
    dag = pytest.importorskip("ray.dag", reason="this Ray has no compiled graphs")
    actors = [ray.remote(num_cpus=0, resources={"first": 1})(actor).remote() for _ in range(count)]
    ray.get([each.run.remote(torch.zeros(1)) for each in actors], timeout=120)  # they have started
    with dag.InputNode() as output:
        for each in actors:
            output = each.run.bind(output)
    return output.experimental_compile(**options)


def test_compiled_graph() -> None:
    """Tensors lie in the graph's channels, where each actor writes them in place for itself."""
    graph = compiled(InPlace, 2)
    try:
        x = torch.zeros(512, 512)
        for value in range(3):
            y = ray.get(graph.execute(x + value), timeout=120)
            assert mapped_from(y).startswith("rw-p /dev/shm/plasma")
            assert set(y.flatten().tolist()) == {value + 2}
            del y  # which the graph would wait for
        assert not x.any()
    finally:
        graph.teardown()


def test_results_that_are_kept_are_not_written_over() -> None:
    """As with arrays, the graph waits for room instead, also if no page was written."""
    graph = compiled(AddOne, 1, _max_inflight_executions=2)
    try:
        kept = [ray.get(graph.execute(torch.full((512, 512), value)), timeout=120) for value in (1.0, 2.0)]
        with pytest.raises(ray.exceptions.RayChannelTimeoutError):
            ray.get(graph.execute(torch.full((512, 512), 3.0)), timeout=1)
        assert [set(x.flatten().tolist()) for x in kept] == [{2}, {3}]
        del kept
    finally:
        graph.teardown()


def stepped(batch: dict[str, Any]) -> dict[str, Any]:
    """Add one in place, on pages of this process."""
    data = batch["data"]
    x = bridge.to_torch(bridge.ray.private(data))
    x += 1
    return {"sum": [float(x.sum())], "before": [float(data.sum())], "mapped": [mapped_from(x)]}


@pytest.fixture(scope="module")
def dataset(ray_cluster: Any) -> Any:
    data = pytest.importorskip("ray.data", reason="the session clusters installs ray[data]")
    data.DataContext.get_current().enable_progress_bars = False
    return data.from_numpy([np.full((4096, 256), value, np.float32) for value in (1, 2)]).materialize()


def values(dataset: Any) -> list[list[float]]:
    """Those of each block; Ray may change the order of blocks."""
    batches = dataset.iter_batches(batch_size=None, batch_format="numpy")
    return sorted(np.unique(batch["data"]).tolist() for batch in batches)


class TestRayData:
    def test_batches_are_the_store(self, dataset: Any) -> None:
        for batch in dataset.iter_batches(batch_size=1024, batch_format="numpy"):
            assert mapped_from(bridge.view(batch["data"])).startswith("rw-s /dev/shm/plasma")
            assert "read-only" in fill(batch["data"], 7)

    def test_batches_of_workers(self, dataset: Any) -> None:
        rows = dataset.map_batches(stepped, batch_size=None).take_all()
        assert all(row["mapped"].startswith("rw-p /dev/shm/plasma") for row in rows)
        sums = sorted((row["before"], row["sum"]) for row in rows)
        assert sums == [(1 << 20, 2 << 20), (2 << 20, 3 << 20)]
        assert values(dataset) == [[1], [2]]

    def test_rays_own_tensors_are_the_store(self, dataset: Any) -> None:
        """Which is what our `collate_fn` is for: these can be written."""
        (batch, _) = dataset.iter_torch_batches(batch_size=None)
        assert mapped_from(batch["data"]).startswith("rw-s /dev/shm/plasma")

    @pytest.mark.parametrize("batch_size", [None, 2048])
    def test_tensors_are_copied_as_they_are_written(self, batch_size: int | None, dataset: Any) -> None:
        count = 0
        options = {"batch_size": batch_size, "collate_fn": bridge.ray.collate_fn()}
        for batch in dataset.iter_torch_batches(**options):
            assert mapped_from(batch["data"]).startswith("rw-p /dev/shm/plasma")
            fill(batch["data"], 7)
            count += len(batch["data"])
        assert count == 8192
        assert values(dataset) == [[1], [2]]

    @pytest.mark.parametrize("batch_size", [64, 3000], ids=["small", "of two blocks"])
    def test_other_tensors_are_copies(self, batch_size: int, dataset: Any) -> None:
        batches = list(dataset.iter_torch_batches(batch_size=batch_size, collate_fn=bridge.ray.collate_fn()))
        assert float(torch.cat([batch["data"] for batch in batches]).sum()) == 3 << 20
        for batch in batches:
            fill(batch["data"], 7)
        assert values(dataset) == [[1], [2]]

    def test_policies(self, dataset: Any) -> None:
        try:
            bridge.ray.register("refuse")
            collate = bridge.ray.collate_fn()
            (batch, _) = dataset.iter_batches(batch_size=None, batch_format="numpy")
            with pytest.raises(bridge.SharingError, match="read-only buffer"):
                collate(batch)
            bridge.ray.register("copy")
            assert "plasma" not in mapped_from(bridge.ray.collate_fn()(batch)["data"])
        finally:
            bridge.ray.register()

    def test_arrays_of_this_process_are_shared(self) -> None:
        array = np.zeros(5)
        bridge.ray.collate_fn()({"x": array})["x"][0] = 7
        assert array[0] == 7

    def test_columns_that_are_no_tensors(self) -> None:
        with pytest.raises(bridge.SharingError):
            bridge.ray.collate_fn()({"x": np.array(["text"])})


class TestExplain:
    @pytest.fixture(scope="class")
    @staticmethod
    def refs() -> dict[str, Any]:
        x = torch.zeros(512, 512)
        return {"tensor": ray.put(x), "View": ray.put(bridge.view(x)), "array": ray.put(x.numpy())}

    def mapped(self, x: Any) -> str:
        explanation = bridge.explain(x)
        assert f"mapped from    {explanation.what.mapped}" in str(explanation)
        return explanation.what.mapped

    def test_tensor(self, refs: dict[str, Any]) -> None:
        said = self.mapped(ray.get(refs["tensor"]))
        assert said.startswith("Ray's object store /dev/shm/plasma")
        assert said.endswith(", copy on write: a write stays in this process")

    @pytest.mark.parametrize("kind", ["View", "array"])
    def test_what_is_read_only(self, kind: str, refs: dict[str, Any]) -> None:
        said = self.mapped(ray.get(refs[kind]))
        assert said.startswith("Ray's object store /dev/shm/plasma")
        assert said.endswith(", read-only here: a write in spite of that would change it for all processes")
        assert self.mapped(bridge.ray.private(ray.get(refs[kind]))).endswith("a write stays in this process")

    def test_tensor_over_the_store_itself(self, refs: dict[str, Any]) -> None:
        """Which other ways make: it can be written, and every reader sees it."""
        x = bridge.to_torch(ray.get(refs["array"]), allow_readonly=True)
        assert self.mapped(x).endswith(", a write changes it for all processes")
