"""kcm's phase on a cluster that is not ready, refuses, or has a helm that cannot: what is waited for, and how long."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.ssh import CommandResult
from k0rdent_azure.phases import k0rdent_install, kcm_removal
from k0rdent_azure.phases.begin import initial_document
from k0rdent_azure.phases.context import Context, Outside
from k0rdent_azure.phases.interrupt import Interrupt
from k0rdent_azure.phases.k0rdent_install import K0rdentInstall
from k0rdent_azure.rehearsal.hosts.refusals import COMPONENT, HELM, KUBECTL
from k0rdent_azure.state.store import FileStore
from tests.azure.conftest import make_config
from tests.cluster.test_kcm import NOT_FOUND, management
from tests.phases.stage import Jump, Silent

ABSENT = CommandResult(1, "", NOT_FOUND)


class Api:
    """kubectl in which the chart becomes a Management object `after` looks; faults are set by the test."""

    def __init__(self, after: int = 3) -> None:
        self.after = after
        self.applied: list[str] = []
        self.refusals: list[str] = []
        self.helm: str | None = None
        self.component: Callable[[int], str | None] = lambda _: None
        self.looks = 0

    async def __call__(self, words: list[str], stdin: str | None) -> CommandResult:
        if words[0] == "apply":
            if self.refusals:
                return CommandResult(1, "", self.refusals.pop(0))
            self.applied.append(stdin or "")
            return CommandResult(0, "created", "")
        if words[1].startswith("charts"):
            if not self.applied:
                return ABSENT
            chart = json.loads(self.applied[-1])
            return CommandResult(0, json.dumps({**chart, "status": {"error": self.helm}}), "")
        if words[1].startswith("managements"):
            return self._management()
        return CommandResult(0, json.dumps({"items": []}), "")

    def _management(self) -> CommandResult:
        self.looks += bool(self.applied)
        if not self.applied or self.helm or self.looks < self.after:
            return ABSENT
        error = self.component(self.looks)
        if error is None:
            return CommandResult(0, json.dumps(management()), "")
        return CommandResult(
            0,
            json.dumps(
                management(
                    status_components={"kcm": {"success": True}, "capi": {"error": error}},
                    status_conditions=[{"type": "Ready", "status": "False"}],
                )
            ),
            "",
        )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    for module in (k0rdent_install, kcm_removal):
        monkeypatch.setattr(module, "kubectl_on_leader", lambda _ctx: made)
    return made


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    config, names, clock = make_config(), Names("k0rdent-abcd1234"), Jump(1.0)
    store = FileStore(tmp_path / "deployment-state.yaml", clock=clock)
    store.create(initial_document(config, names, clock=clock, config_file=None, config_digest=None))
    with store.transaction() as tx:
        tx.phase("k0rdent_install").update(status="in_progress")
    outside = Outside(
        clock=clock, ledger=Ledger(), arm=None, dns_suffix="", k0sctl=None, gateway=None,  # type: ignore[arg-type]
        make_workstation=None, sku_cache=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return Context(
        workspace=tmp_path, store=store, config=config, names=names, outside=outside, observer=Silent(),
        interrupt=Interrupt(), command="deploy", phase="k0rdent_install",
    )  # fmt: skip


async def took(ctx: Context) -> float:
    """Cloud seconds for the phase."""
    started = ctx.clock.monotonic()
    await K0rdentInstall().run(ctx)
    return ctx.clock.monotonic() - started


@pytest.mark.parametrize(
    "name", ["no-kind", "not-found", "unavailable", "leader-changed", "tls-timeout", "eof", "webhook"]
)
async def test_a_cluster_that_settles_is_waited_for(ctx: Context, api: Api, name: str) -> None:
    api.refusals = [KUBECTL[name]] * 4
    assert await took(ctx) < 300
    assert len(api.applied) == 1
    assert ctx.state.k0rdent is not None
    assert ctx.state.k0rdent.status == "ready"


async def test_the_wait_for_an_api_server_has_an_end(ctx: Context, api: Api) -> None:
    api.refusals = [KUBECTL["unavailable"]] * 1000
    started = ctx.clock.monotonic()
    with pytest.raises(ClusterError, match=r"within 600 s.*currently unable") as caught:
        await K0rdentInstall().run(ctx)
    assert 600 <= ctx.clock.monotonic() - started < 700
    assert "get --raw '/readyz?verbose'" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["forbidden", "invalid", "bad-request"])
async def test_a_refusal_is_told_at_once(ctx: Context, api: Api, name: str) -> None:
    api.refusals = [KUBECTL[name]] * 2
    started = ctx.clock.monotonic()
    with pytest.raises(ClusterError, match=KUBECTL[name][:20].replace("(", ".").replace(")", ".")):
        await K0rdentInstall().run(ctx)
    assert ctx.clock.monotonic() - started < 1


@pytest.mark.parametrize(
    ("name", "helps"),
    [
        ("version-not-found", "software.k0rdent.version"),
        ("chart-not-found", "software.k0rdent.version"),
        ("unauthorized", "registry"),
        ("values", "software.k0rdent.version"),
        ("incompatible", "software.k0s.version"),
        ("pending-install", "-n kcm-system delete secret -l owner=helm,name=kcm"),
        ("locked", "delete secret"),
    ],
)
async def test_what_helm_never_overcomes_ends_soon_in_its_words(
    ctx: Context, api: Api, name: str, helps: str
) -> None:
    api.helm = HELM[name]
    started = ctx.clock.monotonic()
    with pytest.raises(ClusterError) as caught:
        await K0rdentInstall().run(ctx)
    assert ctx.clock.monotonic() - started < 200
    assert HELM[name][-40:].splitlines()[-1] in caught.value.message
    assert helps in f"{caught.value.hint} {caught.value.places}"
    # Once it is mended, the next run lets helm begin at once: k0s itself would pause for minutes.
    api.helm = None
    assert await took(ctx) < 200
    assert ctx.state.pending_operations == {}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("version-not-found", "change"),
        ("incompatible", "change"),
        ("unauthorized", "either"),
        ("locked", "again"),
    ],
)
async def test_a_version_that_cannot_be_installed_is_not_resumed(
    ctx: Context, api: Api, name: str, way: str
) -> None:
    api.helm = HELM[name]
    with pytest.raises(ClusterError) as caught:
        await K0rdentInstall().run(ctx)
    assert caught.value.way == way
    assert bool(caught.value.places) == (way != "again")


async def test_a_run_that_finds_an_old_error_lets_helm_try_again(ctx: Context, api: Api) -> None:
    api.helm = HELM["pending-install"]
    with pytest.raises(ClusterError):
        await K0rdentInstall().run(ctx)
    with pytest.raises(ClusterError):
        await K0rdentInstall().run(ctx)
    first, second = (json.loads(text)["spec"] for text in api.applied)
    assert first["values"] != second["values"]
    assert {**first, "values": ""} == {**second, "values": ""}
    assert second["values"].startswith("# ")


@pytest.mark.parametrize("name", ["timeout", "busy"])
async def test_what_may_pass_is_waited_for(ctx: Context, api: Api, name: str) -> None:
    api.helm = HELM[name]
    started = ctx.clock.monotonic()
    with pytest.raises(ClusterError, match="kcm is not ready after 1500 s: helm: "):
        await K0rdentInstall().run(ctx)
    assert ctx.clock.monotonic() - started > 1500


async def test_progress_is_never_recorded_as_an_error(ctx: Context, api: Api) -> None:
    seen = []

    def component(look: int) -> str | None:
        known = ctx.state.k0rdent
        seen.append(known.components["capi"].error if known and "capi" in known.components else None)
        return "HelmRelease kcm-system/capi Ready condition is not updated yet" if look < 40 else None

    api.component = component
    await K0rdentInstall().run(ctx)
    assert len(seen) > 30
    assert {*seen} == {None}


async def test_a_component_that_will_never_be_there_ends_it_soon(ctx: Context, api: Api) -> None:
    api.component = lambda _: COMPONENT["platform"].format(name="capi")
    started = ctx.clock.monotonic()
    with pytest.raises(ClusterError, match="no match for platform"):
        await K0rdentInstall().run(ctx)
    assert ctx.clock.monotonic() - started < 300


async def test_a_deletion_that_never_ends_says_what_it_waits_for(
    ctx: Context, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(words: list[str], _stdin: str | None) -> CommandResult:
        if "-A" in words or words[0] == "delete":
            return CommandResult(0, "", "")
        return CommandResult(0, json.dumps({"metadata": {"finalizers": ["x/stuck"]}}), "")

    monkeypatch.setattr(kcm_removal, "kubectl_on_leader", lambda _ctx: stuck)
    with pytest.raises(
        ClusterError, match="not deleted after 1800 s; it waits for its finalizers: x/stuck"
    ) as caught:
        await kcm_removal.uninstall(ctx)
    assert "get managements.k0rdent.mirantis.com kcm -o yaml" in (caught.value.hint or "")
