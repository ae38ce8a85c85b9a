"""Where work goes, what it waits for, and that the host waits for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import numpy_bridge as bridge
from exchange import delete, managed_tensor_from_object
from gpu_streams import OnStream, handle, not_waiting, sleep, torch
from numpy_bridge import add_, copy_

COUNT = 1 << 20


def device_tensor(value: float, **options: Any) -> Any:
    return torch.full((COUNT,), float(value), device="cuda", **options)


@pytest.fixture
def streams() -> tuple[Any, Any]:
    """Two streams that nothing orders, and that no default stream waits for."""
    torch.cuda.synchronize()
    return torch.cuda.Stream(), torch.cuda.Stream()


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "number": lambda x, y: add_(x, 2),
    "packed": lambda x, y: add_(x, y),
    "broadcast": lambda x, y: add_(x, y[:1]),
    "strided": lambda x, y: (add_(x[::2], y[::2]), add_(x[1::2], y[1::2])),
    "overlapping": lambda x, y: (add_(x[1:], x[:-1]), add_(x[:1], 1)),
    "copy": lambda x, y: copy_(x, y + 1),
    "cast": lambda x, y: copy_(x, y.to(torch.float16) + 1),
    "transposed": lambda x, y: copy_(x.view(1024, -1), (y + 1).view(-1, 1024).T),
}
"""Each makes threes of ones and twos: for `overlapping`, twos."""


def result_of(call: str) -> float:
    return 2 if call == "overlapping" else 3


@pytest.mark.parametrize("call", CALLS)
def test_work_goes_to_the_current_stream(streams: tuple[Any, Any], call: str) -> None:
    """On any other it would come before what the stream was given earlier, or after what comes later."""
    with torch.cuda.stream(streams[0]):
        x, y = device_tensor(0), device_tensor(0)
        sleep()
        x.fill_(1)
        y.fill_(2)
        CALLS[call](x, y)
        seen = x.clone()
    streams[0].synchronize()
    assert (seen == result_of(call)).all()


@pytest.mark.parametrize("call", CALLS)
def test_the_host_does_not_wait(call: str) -> None:
    x, y = device_tensor(1), device_tensor(2)
    CALLS[call](x.clone(), y)  # whatever is set up once
    with not_waiting():
        CALLS[call](x, y)
    assert (x == result_of(call)).all()


def test_sharing_does_not_wait() -> None:
    x = device_tensor(1)
    with not_waiting():
        shared = bridge.view(x)
        again = bridge.to_torch(shared)
        assert bridge.shares_memory(x, again)
        add_(shared, 1)
    assert (again == 2).all()


def test_the_other_operands_stream_is_waited_for(streams: tuple[Any, Any]) -> None:
    first, second = streams
    x, y = device_tensor(1), device_tensor(0)
    with torch.cuda.stream(second):
        second.wait_stream(torch.cuda.default_stream())
        sleep()
        y.fill_(2)
    first.wait_stream(torch.cuda.default_stream())
    add_(OnStream(x, handle(first)), OnStream(y, handle(second)))
    with torch.cuda.stream(first):
        seen = x.clone()
    first.synchronize()
    assert (seen == 3).all()


def test_the_other_operands_stream_waits_until_it_is_read(streams: tuple[Any, Any]) -> None:
    """Or its owner would write the next values, or give the memory to someone else, too early."""
    first, second = streams
    x, y = device_tensor(1), device_tensor(2)
    torch.cuda.synchronize()
    with torch.cuda.stream(first):
        sleep()
    for call, expected in ((add_, 3), (copy_, 2)):
        call(OnStream(x, handle(first)), OnStream(y, handle(second)))
        with torch.cuda.stream(second):
            y.fill_(100)
        with torch.cuda.stream(first):
            seen = x.clone()
        torch.cuda.synchronize()
        assert (seen == expected).all()
        y.fill_(2)
        torch.cuda.synchronize()
        with torch.cuda.stream(first):
            sleep()


@pytest.mark.parametrize("stream", [None, 1, 2])
def test_default_streams(stream: int | None) -> None:
    """The legacy one, the one of this thread, and none, where there is nothing to wait for."""
    x, y = device_tensor(1), device_tensor(2)
    torch.cuda.synchronize()
    add_(OnStream(x, stream), OnStream(y, stream))
    add_(OnStream(x, stream), 1)
    torch.cuda.synchronize()
    assert (x == 4).all()


def test_a_tensor_and_memory_on_the_threads_default_stream(streams: tuple[Any, Any]) -> None:
    with torch.cuda.stream(streams[0]):
        x = device_tensor(0)
        sleep()
        x.fill_(1)
        y = device_tensor(1)
        add_(OnStream(y, 2), x)
    torch.cuda.synchronize()
    assert (y == 2).all()


def test_memory_without_a_stream_is_ready_for_the_default_stream(streams: tuple[Any, Any]) -> None:
    """Nothing has to be waited for before, but its owner goes on on the default stream."""
    x, y = device_tensor(1), device_tensor(2)
    torch.cuda.synchronize()
    with torch.cuda.stream(streams[0]):
        sleep()
        add_(OnStream(x, None), y)
    assert (x == 3).all()
    with torch.cuda.stream(streams[0]):
        sleep()
        add_(y, OnStream(x, None))
    x.fill_(100)
    torch.cuda.synchronize()
    assert (y == 5).all()


class Request:
    """Asks a View for a capsule with keywords of the test's choice, whatever its consumer says."""

    def __init__(self, shared: Any, **keywords: Any) -> None:
        self.shared = shared
        self.keywords = keywords

    def __dlpack__(self, **_: Any) -> Any:
        return self.shared.__dlpack__(max_version=(1, 0), **self.keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.shared.__dlpack_device__()


@pytest.mark.parametrize("copy", [False, True])
def test_a_consumer_of_dlpack_on_another_stream(streams: tuple[Any, Any], copy: bool) -> None:
    """It waits for the stream of the memory, and the host does not."""
    first, second = streams
    x = device_tensor(1)
    warm = torch.from_dlpack(Request(bridge.view(x), stream=1, copy=copy)) + 1  # kernels are loaded
    assert (warm == 2).all()
    torch.cuda.synchronize()
    with torch.cuda.stream(first):
        sleep()
        x.fill_(2)
        shared = bridge.view(x)
        with torch.cuda.stream(second):
            seen = torch.from_dlpack(Request(shared, stream=handle(second), copy=copy)) + 1
        assert copy or not first.query()
        x.fill_(100 if copy else 2)
    second.synchronize()
    assert (seen == 3).all()


def test_consumers_of_the_exchange_api(streams: tuple[Any, Any]) -> None:
    """They work on the legacy default stream, which waits."""
    x = device_tensor(1)
    torch.cuda.synchronize()
    with torch.cuda.stream(streams[0]):
        sleep()
        x.fill_(2)
        shared = bridge.view(x)
    delete(managed_tensor_from_object(shared))
    seen = x + 1
    torch.cuda.default_stream().synchronize()
    assert (seen == 3).all()


@pytest.mark.parametrize("library", ["jax", "cupy"])
def test_libraries_with_streams_of_their_own(streams: tuple[Any, Any], library: str) -> None:
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    x = device_tensor(1)
    torch.cuda.synchronize()
    with torch.cuda.stream(streams[0]):
        sleep()
        x.fill_(2)
        shared = bridge.view(x)
    if library == "jax":
        if not [each for each in module.devices() if each.platform == "gpu"]:
            pytest.skip("this jax is built without CUDA")
        seen = module.dlpack.from_dlpack(shared) + 1
        assert float(seen.max()) == float(seen.min()) == 3
        return
    with module.cuda.Stream(non_blocking=True) as stream:
        seen = module.from_dlpack(shared) + 1
        stream.synchronize()
        assert (seen == 3).all()


def test_many_threads_with_streams_of_their_own() -> None:
    """Each adds on its stream to memory of its own, and to a counter that all share in turn."""
    totals = [device_tensor(0) for _ in range(4)]
    torch.cuda.synchronize()
    failures: list[BaseException] = []

    def work(total: Any) -> None:
        try:
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                ones = device_tensor(1)
                for _ in range(200):
                    add_(total, ones)
                    add_(total, 1)
            stream.synchronize()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(total,)) for total in totals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all((total == 400).all() for total in totals)


# CuPy, whose streams the exchange API does not tell


@pytest.mark.parametrize("non_blocking", [False, True])
def test_cupys_current_stream(non_blocking: bool) -> None:
    """What CuPy does before and after on its stream is in order with what is done for it."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    wait = cupy.RawKernel(
        'extern "C" __global__ void wait(long long n) {'
        "  long long begin = clock64(); while (clock64() - begin < n) {} }",
        "wait",
    )
    with cupy.cuda.Stream(non_blocking=non_blocking) as stream:
        x, y = cupy.zeros(COUNT, "f4"), cupy.full(COUNT, 2, "f4")
        wait((1,), (1,), (400_000_000,))
        x.fill(1)
        add_(x, y)
        seen = x.copy()
        x.fill(50)
        wait((1,), (1,), (400_000_000,))
        add_(x, y)
        y.fill(100)
    stream.synchronize()
    assert (seen == 3).all()
    assert (x == 52).all()


def test_a_tensor_and_a_cupy_array_on_streams_of_their_own(streams: tuple[Any, Any]) -> None:
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    with torch.cuda.stream(streams[0]), cupy.cuda.Stream(non_blocking=True):
        x = device_tensor(0)
        sleep()
        x.fill_(1)
        y = cupy.zeros(COUNT, "f4")
        add_(y, x)
        y *= 10
        add_(x, y)
        y.fill(1000)
        seen = x.clone()
    torch.cuda.synchronize()
    assert (seen == 11).all()


# Lifetimes


def test_memory_that_torch_gives_to_the_next_tensor(streams: tuple[Any, Any]) -> None:
    """Freed at once, it is handed out again on the same stream, behind the kernel."""
    with torch.cuda.stream(streams[0]):
        x = device_tensor(1)
        address = x.data_ptr()
        sleep()
        add_(x, 1)
        kept = x.clone()
        del x
        following = device_tensor(7)
        assert following.data_ptr() == address
        seen = following.clone()
    streams[0].synchronize()
    assert (kept == 2).all()
    assert (seen == 7).all()


def test_memory_that_is_freed_in_the_order_of_a_stream() -> None:
    """By cudaFreeAsync, on the stream of the operand that is read, while the other stream is still busy."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    x = device_tensor(1)
    torch.cuda.synchronize()
    busy = torch.cuda.Stream()
    with torch.cuda.stream(busy):
        sleep()
        with cupy.cuda.using_allocator(cupy.cuda.malloc_async), cupy.cuda.Stream(non_blocking=True) as stream:
            y = cupy.full(COUNT, 2, "f4")
            add_(x, y)
            del y
            others = [cupy.full(COUNT, 100, "f4") for _ in range(4)]
            stream.synchronize()
        seen = x.clone()
    torch.cuda.synchronize()
    assert (seen == 3).all()
    assert all((other == 100).all() for other in others)
