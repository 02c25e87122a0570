"""What deletes first and makes anew afterwards is not begun if this machine lacks what its end needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.cluster.apply import K0sctl
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import HostError, K0rdentAzureError, PrerequisiteError
from k0rdent_azure.hosts.keys import ssh_keypair
from k0rdent_azure.phases import vm_removal
from k0rdent_azure.phases.begin import initial_document, open_run
from k0rdent_azure.phases.context import Context, Outside
from k0rdent_azure.phases.interrupt import Interrupt
from k0rdent_azure.phases.preparation import Preparation
from k0rdent_azure.state.intents import Act
from k0rdent_azure.state.store import FileStore
from tests.azure.conftest import make_config
from tests.phases.stage import Jump, Silent

WORKER = "k0s-worker-1"


@pytest.fixture
async def ctx(tmp_path: Path) -> Context:
    """A deployment whose keys are made and whose cluster is there; Azure cannot be asked."""
    config, names, clock = make_config(), Names("k0rdent-abcd1234"), Jump(1.0)
    store = FileStore(tmp_path / "deployment-state.yaml", clock=clock)
    store.create(initial_document(config, names, clock=clock, config_file=None, config_digest=None))
    outside = Outside(
        clock=clock, ledger=Ledger(), arm=None, dns_suffix="example.com", k0sctl=K0sctl(["k0sctl"]), gateway=None,  # type: ignore[arg-type]
        make_workstation=None, sku_cache=None,  # type: ignore[arg-type]
    )  # fmt: skip
    made = Context(
        workspace=tmp_path, store=store, config=config, names=names, outside=outside, observer=Silent(),
        interrupt=Interrupt(), command="replace",
    )  # fmt: skip
    await Preparation().run(made)
    with made.commit() as tx:
        tx.cluster.update(status="ready")
    return made


def key(ctx: Context) -> Path:
    return ctx.path(ctx.names.ssh_key_file)


def gone(ctx: Context) -> None:
    key(ctx).unlink()


def another(ctx: Context) -> None:
    key(ctx).write_text(ssh_keypair("another").private)


def public(ctx: Context) -> None:
    key(ctx).write_text(ssh_keypair("x").public)


def empty(ctx: Context) -> None:
    key(ctx).write_text("")


def folder(ctx: Context) -> None:
    key(ctx).unlink()
    key(ctx).mkdir()


def without_k0sctl(ctx: Context) -> None:
    object.__setattr__(ctx.outside, "k0sctl", None)


LACKS: dict[Callable[[Context], None], tuple[type[K0rdentAzureError], str]] = {
    gone: (HostError, "is gone"),
    another: (HostError, "is not the key that this deployment was made with"),
    public: (HostError, "holds a public key"),
    empty: (HostError, "is empty"),
    folder: (HostError, "Is a directory"),
    without_k0sctl: (PrerequisiteError, "k0sctl is not on the PATH"),
}


@pytest.mark.parametrize("act", ["replace", "repair", "rekey"])
@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack.__name__)
async def test_it_is_refused_before_it_is_recorded(
    ctx: Context, lack: Callable[[Context], None], act: Act
) -> None:
    if act == "rekey" and lack is without_k0sctl:
        pytest.skip("new keys need no k0sctl")
    lack(ctx)
    serial = ctx.store.read().serial
    kind, words = LACKS[lack]
    with pytest.raises(kind, match=words):
        await open_run(
            ctx, act, status="in_progress", action="x", message="x",
            intent=lambda tx: vm_removal.mark(tx, WORKER, why="to be replaced"),
        )  # fmt: skip
    state = ctx.store.read()
    assert state.serial == serial
    assert state.state.pending_operations == {}
    assert state.state.azure_resources.virtual_machines[WORKER].status == "pending"
