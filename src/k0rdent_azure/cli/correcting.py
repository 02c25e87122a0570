"""`deploy` with another configuration than the state's, while Azure has accepted nothing: it is simply taken."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from k0rdent_azure.cli.running import confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import AzureError, AzureRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from k0rdent_azure.config.load import LoadedConfig
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.model import State


def take_corrected(
    workspace: Workspace, loaded: LoadedConfig, question: str, *, args: argparse.Namespace
) -> bool:
    """Record `loaded` as the deployment's configuration, if that is another one and Azure has accepted nothing.

    Whether it was taken. Azure is asked first (two requests): what it has accepted keeps its configuration. Raises
    AzureError if that cannot be told, PrerequisiteError and DeclinedError; then nothing was written.
    """
    from k0rdent_azure.cli.preflight import be_ready
    from k0rdent_azure.cli.run_snapshot import snapshot_before
    from k0rdent_azure.config.snapshot import differs
    from k0rdent_azure.phases.correction import may_be_corrected

    document = workspace.store().read()
    changed = differs(loaded, document.state.configuration)
    if not may_be_corrected(document.state) or not _is_meant(document.state, loaded, changed):
        return False
    found = _found_in_azure(workspace, document, changed)
    if found is not None:
        _say_too_late(workspace, found)
        return False
    confirm(f"{question} (changed: {', '.join(changed)})", yes=args.yes)
    be_ready(workspace, loaded.config)
    snapshot_before(workspace, args.command, overrides=args.overrides)
    _commit(workspace, document, loaded, changed)
    return True


def _is_meant(state: State, loaded: LoadedConfig, changed: Sequence[str]) -> bool:
    """Whether a difference is new. What only an earlier `--set` or variable made is none: that stays."""
    now = [
        path
        for path in changed
        if path in loaded.sources and loaded.sources[path].kind in ("variable", "flag")
    ]
    return bool(changed) and (loaded.digest != state.metadata.config_digest or bool(now))


def _say_too_late(workspace: Workspace, found: str) -> None:
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.report.text import clean

    show_notice(
        f"Azure has {clean(found)} already, so {workspace.config_path.name} is not taken; for another configuration: "
        f"{workspace.command('destroy')}, then {workspace.command('deploy')}"
    )


def _moved(changed: Sequence[str]) -> bool:
    """Whether what is asked of Azure from now on is asked elsewhere."""
    return bool({"azure.cloud", "azure.subscription_id"} & {*changed})


def _found_in_azure(workspace: Workspace, document: Document, changed: Sequence[str]) -> str | None:
    """What Azure has of the deployment where it was to be until now. Raises AzureError if that cannot be told."""
    import asyncio

    from k0rdent_azure.azure.subscriptions import pick
    from k0rdent_azure.cli.cloud import A_LOOK, outside
    from k0rdent_azure.phases import correction

    config, names = snapshot_of(workspace)
    state = document.state

    async def ask() -> str | None:
        reached = outside(config, workspace, retries=A_LOOK, read_only=True, deployment=names.deployment_id)
        try:
            subscription = state.azure_resources.subscription_id
            subscription = subscription or await pick(reached.arm, reached.subscription_id)
            return await correction.found_in_azure(reached.arm, subscription, names)
        finally:
            await reached.arm.close()

    if state.azure_resources.subscription_id is None and not correction.was_sent(state):
        # No request ever went further than the question which subscription it is about.
        return None
    try:
        return asyncio.run(ask())
    except AzureRequestError:
        # A subscription that is not there, or is not open to this login, has nothing that was never sent to it.
        if _moved(changed) and not correction.was_sent(state):
            return None
        raise
    except AzureError as error:
        error.hint = f"{error.hint or 'fix the cause'}; then run again: {workspace.command('deploy')}"
        raise


def _commit(workspace: Workspace, document: Document, loaded: LoadedConfig, changed: Sequence[str]) -> None:
    from k0rdent_azure.cli.cloud import dns_suffix
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.config.snapshot import load_snapshot
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.phases.begin import initial_document
    from k0rdent_azure.phases.correction import take, told_changes
    from k0rdent_azure.phases.durations import inherited

    config, clock = loaded.config, SystemClock()
    names = Names(document.state.metadata.deployment_id, config.azure.resource_group)
    fresh = initial_document(
        config,
        names,
        clock=clock,
        config_file=loaded.path.name if loaded.path else None,
        config_digest=loaded.digest,
        durations=inherited(workspace.archive_dir, config.azure.cloud),
    )
    before = load_snapshot(document.state.configuration)
    with workspace.store().transaction(based_on=document) as tx:
        take(
            tx,
            fresh,
            config,
            names,
            dns_suffix=dns_suffix(config.azure.cloud),
            changes=changed,
            details=told_changes(before.values, loaded.values, changed),
            moved=_moved(changed),
        )
    show_notice(
        f"taken from {workspace.config_path.name}, as Azure has accepted nothing yet: {', '.join(changed)}"
    )
