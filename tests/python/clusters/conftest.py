"""Clusters on loopback that tests start and end: two Ray nodes, with a store each, and Dask workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import numpy_bridge as bridge

MIB = 1 << 20
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


def semaphores() -> set[Path]:
    """Those of Ray's channels."""
    return {*Path("/dev/shm").glob("sem.hdr*"), *Path("/dev/shm").glob("sem.obj*")}


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """Two raylets of this machine, with an object store each; the driver is on the first."""
    ray = pytest.importorskip("ray", reason="the session clusters installs Ray")
    from ray.cluster_utils import Cluster

    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # for on_workers
    before = semaphores()
    bridge.ray.register()
    store = {"num_cpus": 4, "object_store_memory": 256 * MIB}
    cluster = Cluster()
    try:
        cluster.add_node(**store, resources={"first": 100}, include_dashboard=False)
        cluster.add_node(**store, resources={"second": 100})
        hook = {"worker_process_setup_hook": "numpy_bridge.ray.register"}
        ray.init(cluster.address, runtime_env=hook, log_to_driver=False, logging_level="ERROR")
        yield ray
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ["PYTHONPATH"] = paths[1]
        for left in semaphores() - before:  # by compiled graphs
            left.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def dask_client() -> Iterator[Any]:
    """Two processes with a worker each, which keep what they have, and a client that reaches them."""
    dask = pytest.importorskip("dask", reason="the session clusters installs distributed")
    distributed = pytest.importorskip("distributed", reason="the session clusters installs distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with (
        dask.config.set({"distributed.scheduler.active-memory-manager.start": False}),
        distributed.LocalCluster(**options, memory_limit=0) as cluster,
        distributed.Client(cluster, direct_to_workers=True) as client,
    ):
        bridge.dask.register(client)
        yield client
