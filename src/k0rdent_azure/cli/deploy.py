"""`deploy`: from a configuration to a running k0rdent, or on from wherever an earlier run stopped."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import refuse_lost
from k0rdent_azure.cli.run_snapshot import snapshot_before
from k0rdent_azure.cli.running import (
    add_run_arguments,
    confirm,
    next_command_hint,
    snapshot_of,
    supervise,
)
from k0rdent_azure.cli.workspace import Workspace, new_deployment_id
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import K0rdentAzureError, StateError, StrangerError, UnconfirmedError

if TYPE_CHECKING:
    from k0rdent_azure.config.load import LoadedConfig
    from k0rdent_azure.config.model import Config
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.state.intents import Act
    from k0rdent_azure.state.transaction import Transaction

EPILOG = """\
examples:
  k0rdent-azure deploy                                   ask once, then go
  k0rdent-azure deploy --yes                             no question (CI)
  k0rdent-azure deploy --set cluster.workers.count=3     a value from the command line

Ctrl-C once ends at the next safe point, twice within two seconds; `k0rdent-azure resume` goes on.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "deploy",
        help="create the deployment",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    add_run_arguments(parser)
    add_set_argument(parser)


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """`--set PATH=VALUE`, the flag with the last word on any setting."""
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="override one setting, e.g. cluster.workers.count=3 (repeatable)",
    )


def run(args: argparse.Namespace) -> int:
    workspace = Workspace(args.workspace)
    store = workspace.store()
    # Also the lock is a file: what cannot begin leaves none. Whoever holds it is named first.
    workspace.run_lock().refuse_live()
    loaded = None if store.exists() else _prepare(workspace, args)
    with workspace.run_lock().acquire("deploy"):
        if store.exists():
            taken = _take_corrected(workspace, args)
            if not taken:
                _confirm_untouched(workspace, args)
            return continue_deployment(workspace, args, checked=taken)
        loaded = loaded or _prepare(workspace, args)
        names = _create_state(workspace, loaded)
        return drive(workspace, loaded.config, names, args=args)


def _prepare(workspace: Workspace, args: argparse.Namespace) -> LoadedConfig:
    """All that may keep a new deployment from beginning. Nothing is written, and nothing costs money yet.

    Raises StateNotFoundError, ConfigError, DeclinedError, and PrerequisiteError, also if there is no token.
    """
    from k0rdent_azure.cli.preflight import require, require_login

    refuse_lost(workspace)
    loaded = load_config(workspace, args.overrides)
    require(workspace, loaded.config)
    confirm(_question(loaded.config), yes=args.yes)
    require_login(workspace, loaded.config)
    return loaded


def _take_corrected(workspace: Workspace, args: argparse.Namespace) -> bool:
    """Take a configuration that was corrected since, while Azure has accepted nothing. Raises ConfigError."""
    from k0rdent_azure.cli.correcting import take_corrected
    from k0rdent_azure.phases.correction import may_be_corrected

    if not workspace.config_path.is_file() or not may_be_corrected(workspace.store().read().state):
        return False
    loaded = load_config(workspace, args.overrides)
    return take_corrected(workspace, loaded, _question(loaded.config), args=args)


def _question(config: Config) -> str:
    return f"Create {_size(config)} in {config.azure.location}?"


def _confirm_untouched(workspace: Workspace, args: argparse.Namespace) -> None:
    """Ask as for a new deployment where an earlier run ended before it asked Azure for anything."""
    state = workspace.store().read().state
    if state.azure_resources.deployment is None and not state.api_calls.by_phase.get("azure_setup"):
        config, _ = snapshot_of(workspace)
        confirm(_question(config), yes=args.yes)


def load_config(workspace: Workspace, overrides: list[str]) -> LoadedConfig:
    """The configuration with its sources; warnings are printed. Raises ConfigError."""
    from k0rdent_azure.cli.output import show_warnings
    from k0rdent_azure.config.load import load, parse_overrides

    loaded = load(workspace.config_path, environ=os.environ, overrides=parse_overrides(overrides))
    show_warnings(loaded.warnings)
    return loaded


def continue_deployment(
    workspace: Workspace,
    args: argparse.Namespace,
    *,
    act: Act = "resume",
    intent: Callable[[Transaction], None] | None = None,
    seen_serial: int | None = None,
    touches: Collection[str] = (),
    show: bool = True,
    checked: bool = True,
) -> int:
    """Go on with the deployment that the state describes; `intent` is as in `open_run`, `show` as in `drive`.

    Unless `checked`, what the run needs of this machine is looked at before anything is written.

    Of a complete deployment it only looks; what there is to do is shown, and asked for as `validate --repair` does.
    Raises StateError if something else has to be finished first.
    """
    from k0rdent_azure.state.intents import refuse

    state = workspace.store().read().state
    refuse(state, act, program=workspace.program)
    overrides = getattr(args, "overrides", [])
    if not checked:
        from k0rdent_azure.cli.preflight import be_ready

        be_ready(workspace, snapshot_of(workspace)[0])
    snapshot_before(workspace, args.command, overrides=overrides)
    report_changed_config(workspace, overrides)
    config, names = snapshot_of(workspace)
    if intent is not None or state.metadata.deployment_status != "completed":
        return drive(
            workspace,
            config,
            names,
            args=args,
            act=act,
            intent=intent,
            seen_serial=seen_serial,
            touches=touches,
            show=show,
        )
    try:
        return drive(workspace, config, names, args=args, act=act, show=show, only_looks=True)
    except UnconfirmedError as error:
        _confirm_steps(error, args)

    def intent_to_change(tx: Transaction) -> None:
        tx.metadata.update(deployment_status="in_progress")

    return drive(workspace, config, names, args=args, act=act, intent=intent_to_change, show=show)


def _confirm_steps(found: UnconfirmedError, args: argparse.Namespace) -> None:
    """Ask whether what a look at a complete deployment found to do is to be done. Raises DeclinedError."""
    from k0rdent_azure.cli.output import show_notice

    for step in found.steps:
        show_notice(f"would {step}")
    confirm("Do that?", yes=args.yes)


def report_changed_config(workspace: Workspace, overrides: list[str]) -> None:
    """Say which settings differ from the immutable snapshot, and that the snapshot is what counts."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.config.load import load, parse_overrides
    from k0rdent_azure.config.snapshot import differs, wishes
    from k0rdent_azure.phases.correction import may_be_corrected

    if not workspace.config_path.is_file():
        return
    try:
        loaded = load(workspace.config_path, environ=os.environ, overrides=parse_overrides(overrides))
    except K0rdentAzureError as error:
        show_notice(
            f"{workspace.config_path.name} is not valid any more ({error.message}); the snapshot counts"
        )
        return
    state = workspace.store().read().state
    changed = differs(loaded, state.configuration)
    wanted = wishes(loaded, changed, state.metadata.config_digest)
    if wanted.file:
        take = f"; to take it: {workspace.command('deploy')}" if may_be_corrected(state) else ""
        show_notice(
            f"{workspace.config_path.name} was changed since this deployment was created "
            f"({', '.join(wanted.file)}); the snapshot in the state counts{take}"
        )
    if wanted.given:
        show_notice(f"not taken, because the deployment exists already: {', '.join(wanted.given)}")


def drive(
    workspace: Workspace,
    config: Config,
    names: Names,
    *,
    args: argparse.Namespace,
    act: Act = "resume",
    intent: Callable[[Transaction], None] | None = None,
    seen_serial: int | None = None,
    touches: Collection[str] = (),
    show: bool = True,
    only_looks: bool = False,
) -> int:
    """Run all phases; with `show`, say at the end where the deployment stands.

    With `only_looks`, raises UnconfirmedError before anything outside is changed.
    """
    from k0rdent_azure.cli.status import show_result
    from k0rdent_azure.phases import following
    from k0rdent_azure.phases.begin import begin_run, end_run, look_at_standing, open_run
    from k0rdent_azure.phases.engine import run_phases

    begun = False

    async def work(ctx: Context) -> None:
        nonlocal begun
        resumed = bool(ctx.state.phases)
        action = "deployment_resumed" if resumed else "deployment_started"
        message = f"{args.command} of {names.deployment_id}"
        if only_looks:
            await look_at_standing(ctx)
            begin_run(ctx, status="in_progress", action=action, message=message)
        else:
            await open_run(
                ctx,
                act,
                status="in_progress",
                action=action,
                message=message,
                intent=intent,
                seen_serial=seen_serial,
                touches=touches,
            )
        begun = True
        try:
            # A rollback that was killed is finished; to go on from where it led to is another command.
            await (following.finish(ctx) if following.is_pending(ctx.state) else run_phases(ctx))
        except K0rdentAzureError as error:
            end_run(ctx, type(error).__name__)
            raise
        end_run(ctx, "completed")

    try:
        supervise(workspace, config, names, args=args, work=work, only_looks=only_looks)
    except UnconfirmedError:
        raise
    except K0rdentAzureError as error:
        # What was refused before anything was recorded leaves nothing to go on with.
        if begun or not isinstance(error, StateError | StrangerError):
            words = "resume --yes" if args.yes else "resume"
            next_command_hint(error, workspace, words, overrides=getattr(args, "overrides", []))
        raise
    if show:
        show_result(workspace, as_json=args.json)
    return 0


def _create_state(workspace: Workspace, loaded: LoadedConfig) -> Names:
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.phases.begin import initial_document
    from k0rdent_azure.phases.durations import inherited

    config = loaded.config
    names = Names(new_deployment_id(), config.azure.resource_group)
    document = initial_document(
        config,
        names,
        clock=SystemClock(),
        config_file=loaded.path.name if loaded.path else None,
        config_digest=loaded.digest,
        durations=inherited(workspace.archive_dir, config.azure.cloud),
    )
    workspace.store().create(document)
    return names


def _size(config: Config) -> str:
    controllers, workers = config.cluster.controllers.count, config.cluster.workers.count
    return (
        f"{controllers + workers} VMs ({controllers} controllers of {config.vm_sizing.controller.size}, "
        f"{workers} workers of {config.vm_sizing.worker.size})"
    )
