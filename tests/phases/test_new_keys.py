"""`replace --new-keys`: the state has the keys that the VM shows, at every point where a run can end."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.phases import submission, vm_removal
from k0rdent_azure.phases.begin import begin_run, open_run
from k0rdent_azure.phases.engine import run_phases
from k0rdent_azure.phases.replace import mark, plan
from tests.azure.conftest import make_config
from tests.phases.stage import UNTIL_VMS, Stage, stage

WORKER = "k0s-worker-1"


class KilledError(Exception):
    """Stands for the end of the process."""


def keys(made: Stage) -> tuple[str | None, str]:
    state = made.store.read().state
    assert state.wireguard is not None
    return state.azure_resources.virtual_machines[WORKER].host_key, state.wireguard.peers[WORKER].public_key


async def begin(made: Stage, *, new_keys: bool) -> None:
    async with made.run("replace") as ctx:
        wanted = plan(made.config, ctx.state, WORKER, new_keys=new_keys)
        assert any("new SSH host key" in line for line in wanted.comes) is new_keys
        await open_run(
            ctx, "replace", status="in_progress", action="x", message="x", intent=lambda tx: mark(tx, wanted)
        )


async def go_on(made: Stage) -> None:
    async with made.run("resume") as ctx:
        begin_run(ctx, status="in_progress", action="x", message="x")
        await run_phases(ctx, UNTIL_VMS)


async def answers(made: Stage) -> bool:
    """Whether the VM is there and shows the key that the state has; HostKeyMismatchError if it is another one."""
    async with made.run("look") as ctx:
        host = next(each for each in ctx.hosts if each.name == WORKER)
        return await ctx.ssh.probe(
            ctx.public_target(host, ctx.state.azure_resources.virtual_machines[WORKER])
        )


async def test_new_keys_come_with_the_new_vm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed(*_: object, **__: object) -> None:
        raise KilledError

    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await made.deploy()
        old = keys(made)
        await begin(made, new_keys=True)
        # Killed after the intent: the old VM is there, and so are its keys.
        assert keys(made) == old
        assert await answers(made)
        with monkeypatch.context() as patch:
            patch.setattr(vm_removal, "_wait_until_gone", killed)
            with pytest.raises(KilledError):
                await go_on(made)
        # Killed after the DELETE, before it is known that the VM is gone.
        assert keys(made) == old
        with monkeypatch.context() as patch:
            patch.setattr(submission, "submit", killed)
            with pytest.raises(KilledError):
                await go_on(made)
        # Killed between both VMs: what is recorded is what the new one will be given.
        new = keys(made)
        assert (new[0] != old[0], new[1] != old[1]) == (True, True)
        await go_on(made)
        assert keys(made) == new
        assert await answers(made)
        assert made.store.read().state.pending_operations == {}


async def test_without_it_the_keys_stay(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await made.deploy()
        old = keys(made)
        await begin(made, new_keys=False)
        await go_on(made)
        assert keys(made) == old
        assert await answers(made)
