"""A k0sctl that a killed run left at work is waited for before another run changes anything."""

from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path

import pytest

from k0rdent_azure.phases.begin import open_run
from k0rdent_azure.state.intents import Act
from tests.azure.conftest import make_config
from tests.phases.stage import Silent, stage


@pytest.mark.parametrize("act", ["resume", "rollback"])
async def test_no_run_begins_beside_it(tmp_path: Path, act: Act) -> None:
    async with stage(tmp_path, make_config()) as made, made.run("x") as ctx:
        log = ctx.path(f"./k0sctl-config/{ctx.names.deployment_id}-k0sctl.log")
        log.parent.mkdir(exist_ok=True)
        lock = log.with_name(f"{log.name}.lock")
        lock.touch()
        observer = ctx.observer
        assert isinstance(observer, Silent)
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            begun = asyncio.ensure_future(
                open_run(ctx, act, status="in_progress", action="resumed", message="x")
            )
            await asyncio.sleep(0)
            assert observer.notices == ["a k0sctl of an earlier run is still at work; waiting for it"]
            assert ctx.store.read().state.metadata.run is None
            assert made.requests() == []
        await begun
        assert ctx.store.read().state.metadata.run is not None
