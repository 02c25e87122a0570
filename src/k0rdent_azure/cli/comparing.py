"""What `validate` does before it shows or repairs anything: reads Azure and the hosts, and compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.lost import no_deployment
from k0rdent_azure.cli.running import confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import K0rdentAzureError, StateError

if TYPE_CHECKING:
    from k0rdent_azure.config.model import IgnoreRule
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.drift_sync import StateChange
    from k0rdent_azure.phases.host_comparison import HostComparison
    from k0rdent_azure.phases.validation import Comparison
    from k0rdent_azure.report.findings import Validation
    from k0rdent_azure.state.model import State

#: Exit codes of their own: neither is an error of this program.
EXIT_CODES = {"clean": 0, "drift": 11, "incomplete": 12}


def look(workspace: Workspace, args: argparse.Namespace) -> Validation:
    """Read and compare; changes nothing but, with `--sync` and after a preview, the state.

    Raises LockedError where a run holds the deployment and the state is to be written, and what reading raises.
    """
    rules = _rules(workspace, args.ignore_file)
    with workspace.run_lock().acquire("validate") if args.sync else nullcontext():
        return _validate(workspace, args, rules)


def _rules(workspace: Workspace, file: Path | None) -> Sequence[IgnoreRule]:
    from k0rdent_azure.config.drift import ignore_rules

    if file is None and not workspace.config_path.is_file():
        return ()
    return ignore_rules(file or workspace.config_path)


def _validate(workspace: Workspace, args: argparse.Namespace, rules: Sequence[IgnoreRule]) -> Validation:
    import asyncio

    state = _state(workspace)
    # Looked for before Azure is asked: a run that ends meanwhile has changed things too.
    holder = workspace.live_holder()
    return asyncio.run(_compare(workspace, args, rules, state, run=holder.command if holder else None))


async def _compare(
    workspace: Workspace,
    args: argparse.Namespace,
    rules: Sequence[IgnoreRule],
    state: State,
    *,
    run: str | None,
) -> Validation:
    from k0rdent_azure.phases.host_comparison import HostComparison, compare_hosts
    from k0rdent_azure.phases.record_check import wrong_records
    from k0rdent_azure.phases.validation import again, down, validate

    ctx = looking(workspace, "validate")
    try:
        compared = await validate(ctx.config, ctx.names, state, ctx.outside)
        requests = sum(ctx.outside.ledger.counts().values())
        _say_if_behind(ctx, state, compared, args)
        hosts = await compare_hosts(ctx, down=down(compared)) if args.hosts else HostComparison()
        synced: Sequence[StateChange] = ()
        if args.sync:
            synced = _sync(ctx, workspace, compared, args)
            compared = again(ctx.config, ctx.names, ctx.state, compared.found)
    finally:
        await ctx.close()
    records = wrong_records(ctx.config, ctx.names, ctx.state, compared, dns_suffix=ctx.outside.dns_suffix)
    hosts.findings += records
    told = _report(ctx.state, compared, hosts, rules, args, requests=requests, run=run, synced=synced)
    if run is None and not args.dry_run:
        _keep(ctx, told)
    return told


def _keep(ctx: Context, told: Validation) -> None:
    """Write the result into the state, for `status`. That it cannot be written is said, and changes no verdict."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.phases.validation import keep
    from k0rdent_azure.report.findings import kept

    try:
        keep(ctx, kept(told))
    except (K0rdentAzureError, OSError) as error:
        said = error.message if isinstance(error, K0rdentAzureError) else str(error.strerror)
        show_notice(f"this result is not kept: it could not be written ({said})")


def _say_if_behind(ctx: Context, state: State, compared: Comparison, args: argparse.Namespace) -> None:
    """What differs may be what another copy has done: said first, and nothing is written or repaired by it.

    Raises BehindError with `--repair` and `--sync`.
    """
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.phases.standing import behind
    from k0rdent_azure.phases.validation import newer_change
    from k0rdent_azure.report.text import clean

    found = newer_change(ctx.names, state, compared.found)
    if found is None:
        return
    error = behind(ctx, found)
    if args.repair or args.sync:
        raise error
    show_notice(f"{clean(error.message)}; {error.hint}")


def looking(workspace: Workspace, command: str) -> Context:
    """The deployment with its ways to the outside; none of them changes anything in Azure."""
    from k0rdent_azure.cli.cloud import A_LOOK, outside
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.interrupt import Interrupt
    from k0rdent_azure.report.progress import Progress

    config, names = snapshot_of(workspace)
    return Context(
        workspace=workspace.directory,
        store=workspace.store(),
        config=config,
        names=names,
        outside=outside(config, workspace, retries=A_LOOK, read_only=True),
        observer=Progress(quiet=True),
        interrupt=Interrupt(),
        command=command,
    )


def _sync(
    ctx: Context, workspace: Workspace, compared: Comparison, args: argparse.Namespace
) -> Sequence[StateChange]:
    """Show what the state would say, ask, and commit it as one change. Raises DeclinedError."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.cli.run_snapshot import snapshot_before
    from k0rdent_azure.phases.drift_sync import changes, record
    from k0rdent_azure.phases.record_check import corrections

    suffix = ctx.outside.dns_suffix
    wanted = [
        *changes(ctx.names, ctx.state, compared.found),
        *corrections(ctx.config, ctx.names, ctx.state, dns_suffix=suffix),
    ]
    for each in wanted:
        show_notice(f"{each.path}: {each.old or 'unknown'} -> {each.new}")
    if wanted:
        confirm(f"Write {len(wanted)} values into {workspace.state_path.name}?", yes=args.yes)
        snapshot_before(workspace, "validate")
    with ctx.commit() as tx:
        record(tx, wanted, compared.found, now=ctx.now)
    return wanted


def _state(workspace: Workspace) -> State:
    """Raises StateNotFoundError, and StateError where nothing is to be there any more."""
    store = workspace.store()
    if not store.exists():
        raise no_deployment(workspace, "there is nothing to compare with")
    state = store.read().state
    if state.metadata.deployment_status in ("destroying", "destroyed"):
        raise StateError(
            f"{state.metadata.deployment_id} is {state.metadata.deployment_status}",
            hint=f"finish that: {workspace.command('destroy')}",
        )
    return state


def _report(
    state: State,
    compared: Comparison,
    hosts: HostComparison,
    rules: Sequence[IgnoreRule],
    args: argparse.Namespace,
    *,
    requests: int,
    run: str | None,
    synced: Sequence[StateChange],
) -> Validation:
    from k0rdent_azure.clock import SystemClock, timestamp
    from k0rdent_azure.phases.acceptance import accept
    from k0rdent_azure.report.findings import Synced, Validation
    from k0rdent_azure.state.finding import worst_first

    now, baseline = SystemClock().now(), state.azure_resources.baseline
    sorted_out = accept(worst_first([*compared.findings, *hosts.findings]), rules, today=now.date())
    return Validation(
        deployment_id=state.metadata.deployment_id,
        checked_at=timestamp(now),
        findings=sorted_out.findings,
        ignored=sorted_out.ignored,
        expired=sorted_out.expired,
        unread=[*compared.found.unread, *hosts.unread],
        requests=requests,
        hosts=args.hosts,
        run=run,
        baseline=baseline.recorded_at if baseline else None,
        synced=[Synced(path=each.path, old=each.old, new=each.new) for each in synced],
    )


def show(told: Validation, args: argparse.Namespace) -> None:
    """Print the findings, as `--json` says."""
    from msgspec import structs

    from k0rdent_azure.cli.output import console, is_ascii_only, print_json, show_notice
    from k0rdent_azure.report.findings import document, lines
    from k0rdent_azure.report.theme import Look

    if told.run is not None:
        show_notice(f"a run is under way ({told.run}); what it is changing may look like drift")
    for each in told.expired:
        show_notice(f"an ignore rule hides nothing any more: {each}")
    place = Workspace(args.workspace).placed
    told = structs.replace(
        told,
        findings=[structs.replace(each, action=place(each.action)) for each in told.findings],
        ignored=[structs.replace(each, action=place(each.action)) for each in told.ignored],
    )
    if args.json:
        print_json(document(told))
        return
    from rich.text import Text

    screen = console()
    for line in lines(told, Look(ascii_only=is_ascii_only(sys.stdout)), show_ignored=args.show_ignored):
        screen.print(Text.assemble(*line), soft_wrap=True)
