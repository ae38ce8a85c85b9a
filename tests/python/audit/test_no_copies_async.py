"""Which tasks a block of `no_copies` is about: its own, those it starts, and other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from numpy_bridge import HiddenCopyError, no_copies

BUFFER = bytearray(8)


def copy() -> None:
    np.array(BUFFER)


async def copy_when(event: asyncio.Event) -> str:
    """Make a hidden copy after somebody else's turn."""
    await event.wait()
    try:
        copy()
    except HiddenCopyError:
        return "raised"
    return "passed"


def test_tasks_that_take_turns_with_a_block_pass() -> None:
    async def program() -> tuple[str, str, str]:
        go = asyncio.Event()
        before = asyncio.ensure_future(copy_when(go))
        await asyncio.sleep(0)
        with no_copies():
            inside = asyncio.ensure_future(copy_when(go))
            go.set()
            return await before, await inside, await copy_when(go)

    assert asyncio.run(program()) == ("passed", "raised", "raised")


def test_callbacks_are_of_the_task_that_asks_for_them() -> None:
    async def program() -> list[str]:
        seen: list[str] = []

        def callback() -> None:
            try:
                copy()
            except HiddenCopyError:
                seen.append("raised")
            else:
                seen.append("passed")

        loop = asyncio.get_running_loop()
        loop.call_soon(callback)
        with no_copies():
            loop.call_soon(callback)
            await asyncio.sleep(0)
        loop.call_soon(callback)
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(program()) == ["passed", "raised", "passed"]


def test_each_task_has_its_own_blocks() -> None:
    @no_copies()
    async def strict(turn: Callable[[], Awaitable[None]]) -> str:
        await turn()
        try:
            copy()
        except HiddenCopyError:
            return "raised"
        return "passed"

    async def lax(turn: Callable[[], Awaitable[None]]) -> str:
        await turn()
        copy()
        return "passed"

    async def program() -> list[str]:
        return list(await asyncio.gather(*(f(lambda: asyncio.sleep(0)) for f in (strict, lax, strict, lax))))

    assert asyncio.run(program()) == ["raised", "passed", "raised", "passed"]


def test_a_block_around_the_loop_is_about_all_of_its_tasks() -> None:
    async def program() -> str:
        go = asyncio.Event()
        task = asyncio.ensure_future(copy_when(go))
        go.set()
        return await task

    with no_copies():
        assert asyncio.run(program()) == "raised"


def test_a_loop_that_was_there_before_the_block_is_no_way_out() -> None:
    """As where a plugin of pytest keeps one loop for many tests: the fixture runs outside of it."""
    loop = asyncio.new_event_loop()
    go = asyncio.Event()
    task = loop.create_task(copy_when(go))
    loop.run_until_complete(asyncio.sleep(0))
    try:
        with no_copies():
            go.set()
            assert loop.run_until_complete(task) == "raised"
    finally:
        loop.close()


def test_other_threads_are_watched_whatever_task_has_sent_them() -> None:
    async def program() -> None:
        go = asyncio.Event()

        async def outside() -> None:
            await go.wait()
            with pytest.raises(HiddenCopyError):
                await asyncio.to_thread(copy)

        task = asyncio.ensure_future(outside())
        await asyncio.sleep(0)
        with no_copies():
            go.set()
            await task

    with pytest.raises(HiddenCopyError):
        asyncio.run(program())


def test_one_block_object_in_several_tasks() -> None:
    """The task that leaves first ends its own block, not that of the task which came last."""

    async def program() -> tuple[str, str]:
        block, ended, go = no_copies(), asyncio.Event(), asyncio.Event()

        async def first() -> None:
            with block:
                await asyncio.sleep(0)
            ended.set()

        async def second() -> str:
            with block:
                return await copy_when(ended)

        _, inside = await asyncio.gather(first(), second())
        go.set()
        return inside, await copy_when(go)

    assert asyncio.run(program()) == ("raised", "passed")
