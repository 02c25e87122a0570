"""`recover --from-azure`: a state made anew from Azure, the hosts and what is left in the workspace."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from k0rdent_azure.cli import recover_search as search
from k0rdent_azure.cli.lost import leftovers
from k0rdent_azure.cli.recover_report import Findings
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from k0rdent_azure.azure.discovery import Discovery
    from k0rdent_azure.config.load import LoadedConfig
    from k0rdent_azure.hosts.ssh import SshRunner
    from k0rdent_azure.phases.context import Outside
    from k0rdent_azure.phases.rebuild import Workplace
    from k0rdent_azure.phases.rebuild_config import Wanted
    from k0rdent_azure.phases.rebuild_hosts import Shown, Told
    from k0rdent_azure.state.model import State
    from k0rdent_azure.state.rebuilding import Rebuilt

#: Under which the requests are counted in the state.
LEDGER_NAME = "recover"


def from_azure(workspace: Workspace, args: argparse.Namespace) -> int:
    """Look, show what was found, ask, write. Raises what stands in the way; then nothing was written."""
    import asyncio

    search.refuse_healthy(workspace, take_over=args.take_over)
    if not args.dry_run:
        workspace.run_lock().refuse_live()
        asyncio.run(_log_in(workspace, args.cloud))
    with nullcontext() if args.dry_run else workspace.run_lock().acquire("recover"):
        asyncio.run(_Recovery(workspace, args).run())
    return 0


async def _log_in(workspace: Workspace, cloud: str | None) -> None:
    """Get a token before there is even a lock file. Raises AuthenticationError and AzureUnreachableError."""
    outside = search.reach(workspace, search.configuration_file(workspace), cloud)
    try:
        await outside.arm.log_in()
    finally:
        await outside.arm.close()


class _Recovery:
    def __init__(self, workspace: Workspace, args: argparse.Namespace) -> None:
        self._workspace = workspace
        self._args = args
        self._file: LoadedConfig | None = search.configuration_file(workspace)
        #: The state that is taken over from, if it can be read.
        self._before = search.state_here(workspace) if args.take_over else None
        if self._before is not None:
            args.deployment_id = args.deployment_id or self._before.metadata.deployment_id

    async def run(self) -> None:
        outside = search.reach(self._workspace, self._file, self._args.cloud)
        outside.ledger.phase = LEDGER_NAME
        try:
            await self._run(outside)
        finally:
            await outside.arm.close()

    async def _run(self, outside: Outside) -> None:
        from msgspec import structs

        from k0rdent_azure.azure.discovery import Reader
        from k0rdent_azure.azure.subscriptions import pick
        from k0rdent_azure.phases.carrying import carry_over
        from k0rdent_azure.phases.ownership import owner_of
        from k0rdent_azure.phases.rebuild import document
        from k0rdent_azure.phases.rebuild_config import wanted, with_seen_versions
        from k0rdent_azure.phases.rebuild_losses import losses
        from k0rdent_azure.phases.standing import raise_generation_of as raise_generation
        from k0rdent_azure.state.document import load_state
        from k0rdent_azure.state.rebuilding import remains

        before = self._before
        recorded = before.azure_resources.subscription_id if before else None
        subscription = self._args.subscription or recorded or await pick(outside.arm, outside.subscription_id)
        reader = Reader(outside.arm, subscription)
        known = owner_of(before) if before else None
        found = await search.search(reader, self._args, leftovers(self._workspace), known)
        plan = wanted(found, self._file.config if self._file else None, cloud=outside.arm.environment.name)
        place, told = await self._look_around(outside, found, plan)
        versions = (facts.k0s_version for facts in told.hosts.values() if facts.k0s_version)
        plan = with_seen_versions(plan, next(versions, None), told.kcm_version)
        data = document(found, plan, place, clock=outside.clock)
        if before is not None:
            carry_over(data, before)
        requests = sum(outside.ledger.counts().values())
        data["api_calls"] = {
            "total": requests,
            "by_phase": {LEDGER_NAME: requests},
            "by_command": {LEDGER_NAME: requests},
        }
        storage, take_over = self._workspace.store().storage, self._args.take_over
        kept = remains(storage, plan.names.deployment_id, take_over=take_over)
        if take_over:
            raise_generation(data)
        state = load_state(data)
        lost = losses(found, plan, state, told.silent, has_ssh_key=place.has_ssh_key, kept=kept)
        lost = [
            structs.replace(loss, do=self._workspace.placed(loss.do)) if loss.do else loss for loss in lost
        ]
        findings = Findings(found, plan, place, state, kept, lost, requests)
        self._finish(findings, data, told.kubeconfig)
        if take_over and not self._args.dry_run:
            await self._announce(found, state)

    async def _announce(self, found: Discovery, state: State) -> None:
        """Let the copy that this one takes over from know of it at once, not only with the next change.

        The state is written: that Azure could not be told now takes nothing away from that.
        """
        from k0rdent_azure.azure.inventory import merge_tags
        from k0rdent_azure.azure.reading import text
        from k0rdent_azure.errors import AzureError
        from k0rdent_azure.phases.standing import mark_for

        if found.vnet is None:
            return
        deployment = state.metadata.deployment_id
        outside = search.reach(self._workspace, self._file, self._args.cloud, deployment=deployment)
        mark = mark_for(state, "recover --take-over", clock=outside.clock)
        try:
            await merge_tags(outside.arm, text(found.vnet, "id"), mark.tags)
        except AzureError as error:
            self._say(f"Azure could not be told of it yet ({error.message}); the next change here tells it")
        finally:
            await outside.arm.close()

    async def _look_around(self, outside: Outside, found: Discovery, plan: Wanted) -> tuple[Workplace, Told]:
        from k0rdent_azure.config.topology import laptop_ip
        from k0rdent_azure.hosts.keys import KeyPair, wireguard_public_from_private
        from k0rdent_azure.hosts.ssh import SshRunner
        from k0rdent_azure.phases.durations import inherited
        from k0rdent_azure.phases.rebuild import Workplace, told_laptop_key
        from k0rdent_azure.phases.rebuild_hosts import Told, live_laptop_key

        directory, names = self._workspace.directory, plan.names
        relative, has_key = search.ssh_key(self._workspace, names.deployment_id, plan.public_key)
        kubeconfig = directory / f"k0sctl-config/{names.deployment_id}-kubeconfig"
        told = Told()
        async with SshRunner(
            key_path=directory / relative, gateway=outside.gateway, connect_timeout=10.0
        ) as ssh:
            if has_key:
                await self._ask_hosts(
                    outside, ssh, found, plan, told, with_kubeconfig=not kubeconfig.is_file()
                )
            live, is_up = await live_laptop_key(outside, ssh, names.wireguard_interface)
        private = search.laptop_file_key(directory / f"wireguard/{names.wireguard_interface}.conf") or live
        laptop = KeyPair(private, wireguard_public_from_private(private)) if private else None
        expected = told_laptop_key(told.hosts, laptop_ip(plan.config))
        if laptop is not None and expected is not None and laptop.public != expected:
            laptop = None
        same = search.same_settings(self._file, plan.config)
        place = Workplace(
            ssh_key_path=relative,
            dns_suffix=outside.dns_suffix,
            has_ssh_key=has_key,
            laptop=laptop,
            has_vpn=is_up and laptop is not None,
            hosts=told.hosts,
            kubeconfig=kubeconfig.is_file() or told.kubeconfig is not None,
            kcm_ready=told.kcm is not None and told.kcm.ready,
            kcm_version=told.kcm_version,
            kcm_components=told.kcm.components if told.kcm else {},
            kcm_release=told.kcm.release if told.kcm else None,
            children=told.children,
            config_file=self._workspace.config_path.name if same else None,
            config_digest=self._file.digest if same and self._file else None,
            durations=inherited(self._workspace.archive_dir, plan.config.azure.cloud),
        )
        return place, told

    async def _ask_hosts(
        self,
        outside: Outside,
        ssh: SshRunner,
        found: Discovery,
        plan: Wanted,
        told: Told,
        *,
        with_kubeconfig: bool,
    ) -> None:
        from k0rdent_azure.phases import rebuild_hosts

        where = addresses(outside, found, plan)
        pins = rebuild_hosts.pins(self._workspace.directory, plan)
        # A VM that was made again since has a host key of its own: the old one says nothing of it.
        pins = {name: key for name, key in pins.items() if name not in self._made_again(found)}

        async def look() -> list[Shown]:
            return await rebuild_hosts.who_answers(ssh, where, pins, told)

        limits = plan.config.timeouts
        is_active = found.record is not None and not found.record.ended
        wait = is_active and not self._args.dry_run
        if wait:
            self._say("the deployment is still running in Azure: waiting until its hosts answer")
        shown = await rebuild_hosts.wait_until_all_answer(
            outside.clock,
            look,
            wanted=len(where),
            limit=limits.vm_creation_minutes * 60 if wait else 0.0,
            interval=limits.vm_wait_check_interval,
        )
        trusted = self._trust(shown, told)
        await rebuild_hosts.ask(ssh, plan, trusted, told, with_kubeconfig=with_kubeconfig)

    def _made_again(self, found: Discovery) -> set[str]:
        """The VMs that are other incarnations than those of the state that is taken over from."""
        from k0rdent_azure.azure.reading import mapping, text

        known = self._before.azure_resources.virtual_machines if self._before else {}
        now = {name: text(mapping(body, "properties"), "vmId") for name, body in found.vms.items()}
        return {name for name, vm in known.items() if vm.vm_id and now.get(name) not in ("", None, vm.vm_id)}

    def _trust(self, shown: list[Shown], told: Told) -> list[Shown]:
        """The pinned ones, and the others if somebody vouches for what they show."""
        unknown = [each for each in shown if not each.pinned]
        if not unknown or trust(unknown, self._args):
            return shown
        for each in unknown:
            told.silent[each.name] = f"its host key {each.fingerprint} is not trusted; see --trust-hosts"
        return [each for each in shown if each.pinned]

    def _finish(self, findings: Findings, data: dict[str, object], kubeconfig: str | None) -> None:
        from k0rdent_azure.cli.running import confirm
        from k0rdent_azure.phases.files import write_private
        from k0rdent_azure.state.rebuilding import rebuild

        if not self._args.json:
            findings.show_preview()
        done: Rebuilt | None = None
        if not self._args.dry_run:
            instead = " in place of the one that is here" if self._args.take_over else ""
            confirm(f"Write the state of {findings.deployment_id}{instead}?", yes=self._args.yes)
            storage = self._workspace.store().storage
            done = rebuild(
                storage,
                data,
                findings.kept,
                sources=findings.said,
                clock=SystemClock(),
                take_over=self._args.take_over,
            )
            cluster = findings.state.k0s_cluster
            if kubeconfig is not None and cluster is not None:
                directory = self._workspace.directory
                write_private(directory / cluster.kubeconfig_file, kubeconfig, root=directory)
        if self._args.json:
            findings.print_json(done)
        else:
            findings.show_outcome(done, self._workspace)

    def _say(self, text: str) -> None:
        from k0rdent_azure.cli.output import show_notice

        show_notice(text)
        sys.stderr.flush()


def trust(unknown: Sequence[Shown], args: argparse.Namespace) -> bool:
    """Whether whoever shows these keys is to be believed: by a flag, or an answer of its own; `--yes` is neither."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.errors import DeclinedError

    show_notice("these host keys are known nowhere any more; whoever answers now could be anybody:")
    for each in unknown:
        show_notice(f"  {each.name} at {each.address}: {each.fingerprint}")
    if args.trust_hosts:
        return True
    try:
        confirm("Are these the fingerprints that the VMs' serial consoles show? Trust them?", yes=False)
    except DeclinedError:
        return False
    return True


def addresses(outside: Outside, found: Discovery, plan: Wanted) -> dict[str, str]:
    """Where each VM can be reached, those included that a running deployment has yet to make."""
    from k0rdent_azure.azure.reading import mapping, text
    from k0rdent_azure.config.topology import hosts

    is_active = found.record is not None and not found.record.ended
    known: dict[str, str] = {}
    for host in hosts(plan.config):
        if host.name in found.vms or is_active:
            address = found.addresses.get(plan.names.public_ip(host.name), {})
            label = f"{plan.names.dns_label(host.name)}.{plan.config.azure.location}.{outside.dns_suffix}"
            known[host.name] = text(mapping(address, "properties"), "ipAddress") or label
    return known
