"""Clusters on loopback that tests start and end: two Ray nodes, with a store each, and Dask workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import numpy_bridge as bridge

MIB = 1 << 20
LONGEST = 240  # seconds of a test together with the clusters that it starts
RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_prestart_worker_first_driver": "0",  # one process for each CPU, which the tests do not need
    "RAY_worker_register_timeout_seconds": "200",
    "RAY_memory_monitor_refresh_ms": "0",  # else workers are killed when other programs fill the memory
    "RAY_local_fs_capacity_threshold": "1",  # and nothing is stored when they fill the disk
}
DASK_SETTINGS = {
    "distributed.scheduler.active-memory-manager.start": False,  # workers keep what they have
    "distributed.comm.timeouts.connect": "200s",
    "distributed.scheduler.worker-ttl": None,  # nor is a worker given up that gets no time to answer
}
for setting, value in RAY_SETTINGS.items():
    os.environ.setdefault(setting, value)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit fixtures, too: a cluster that does not start ends the test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONGEST, func_only=False))


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
    store = {"num_cpus": 2, "object_store_memory": 256 * MIB}
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
    """Two processes with a worker each, and a client that reaches them."""
    dask = pytest.importorskip("dask", reason="the session clusters installs distributed")
    distributed = pytest.importorskip("distributed", reason="the session clusters installs distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with (
        dask.config.set(DASK_SETTINGS),
        distributed.LocalCluster(**options, memory_limit=0) as cluster,
        distributed.Client(cluster, direct_to_workers=True) as client,
    ):
        bridge.dask.register(client)
        yield client
