"""`doctor`: what this machine and this workspace need for a deployment, each with how to get it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.lost import trace
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.command_line import shell_word
from k0rdent_azure.config.model import CloudName
from k0rdent_azure.errors import K0rdentAzureError, PrerequisiteError

if TYPE_CHECKING:
    from k0rdent_azure.cli.prerequisites import Check

#: No machine whose clock is right shows a time before this program was written; certificates would not hold.
_EARLIEST = datetime(2025, 6, 1, tzinfo=UTC)
#: How far the clock may be behind the newest time in the state.
_SKEW = timedelta(minutes=2)
#: A state file with its backup, segments and logs stays far below this.
_FREE_BYTES = 100 * 1024 * 1024

EPILOG = """\
examples:
  k0rdent-azure doctor                     for the cloud in k0rdent.yaml (or in the state)
  k0rdent-azure doctor --cloud rehearsal   before there is a configuration
  k0rdent-azure doctor --json              for scripts

No request is sent to Azure. Exit code 0: nothing required is missing; 9: something is.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check what this machine needs",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--cloud",
        choices=get_args(CloudName),
        metavar="CLOUD",
        help=f"one of {', '.join(get_args(CloudName))}",
    )


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: cloud, ok, checks[] (the fields of `cli.prerequisites.Check`)."""
    import msgspec

    from k0rdent_azure.cli.prerequisites import machine_checks

    workspace = Workspace(args.workspace)
    cloud = args.cloud or _cloud(workspace)
    checks = [
        *machine_checks(cloud=cloud, environ=os.environ),
        *workspace_checks(workspace),
    ]
    checks = [
        msgspec.structs.replace(check, how=workspace.placed(check.how)) if check.how else check
        for check in checks
    ]
    missing = [check for check in checks if check.required and check.status == "missing"]
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json({"cloud": cloud, "ok": not missing, "checks": checks})
    else:
        _show(cloud, checks, missing)
    return PrerequisiteError.exit_code if missing else 0


def _cloud(workspace: Workspace) -> str:
    """The cloud that the deployment uses, or would; AzureCloud where nothing says."""
    from k0rdent_azure.config.load import load
    from k0rdent_azure.config.snapshot import from_snapshot

    try:
        if workspace.store().exists():
            return from_snapshot(workspace.store().read().state.configuration).azure.cloud
        if workspace.config_path.is_file():
            return load(workspace.config_path, environ=os.environ).config.azure.cloud
    except K0rdentAzureError:
        # What is wrong with it is told by its own check.
        pass
    return "AzureCloud"


def workspace_checks(workspace: Workspace) -> Iterator[Check]:
    """The folder, the configuration, the state, its private keys, and the clock that both depend on."""
    folder, disk, clock = essentials(workspace)
    yield folder
    yield disk
    yield _config(workspace)
    yield _state(workspace)
    yield from _secrets(workspace)
    yield clock


def essentials(workspace: Workspace) -> tuple[Check, Check, Check]:
    """What each run needs of the workspace itself: a folder that can be written to, free space, the right time."""
    return _folder(workspace.directory), _disk(workspace.directory), _clock(workspace)


def _folder(directory: Path) -> Check:
    """Whether files can be made here, and whether a lock taken once is refused the second time."""
    import fcntl
    import tempfile

    from k0rdent_azure.cli.prerequisites import Check

    found, how = "writable, locks work", None
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as first:
            fcntl.flock(first.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            with Path(first.name).open("rb") as second:
                try:
                    fcntl.flock(second.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return Check(name="workspace", status="ok", required=True, found=f"{directory}: {found}")
        found, how = "locks do not hold", "use a local file system (some network mounts ignore locks)"
    except OSError as error:
        found, how = (
            error.strerror or "not usable",
            f"make {directory} writable, or use -C with another folder",
        )
    return Check(name="workspace", status="missing", required=True, found=f"{directory}: {found}", how=how)


def _disk(directory: Path) -> Check:
    import shutil

    from k0rdent_azure.cli.prerequisites import Check

    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        found = f"free space cannot be determined: {error.strerror}"
        return Check(name="disk", status="doubt", required=True, found=found)
    found = f"{free / 2**30:.1f} GB free" if free >= 2**30 else f"{free / 2**20:.0f} MB free"
    if free >= _FREE_BYTES:
        return Check(name="disk", status="ok", required=True, found=found)
    return Check(
        name="disk", status="missing", required=True, found=found, how="free 100 MB in the workspace"
    )


def _config(workspace: Workspace) -> Check:
    """Needed until there is a state; from then on the snapshot counts."""
    from k0rdent_azure.cli.prerequisites import Check
    from k0rdent_azure.config.load import load

    path, needed = workspace.config_path, not workspace.store().exists()
    if not path.is_file():
        how = workspace.command("init") if needed else None
        status = "missing" if needed else "unneeded"
        found = f"no {path.name}" if needed else f"no {path.name}; the state has its snapshot"
        return Check(name="configuration", status=status, required=needed, found=found, how=how)  # type: ignore[arg-type]
    try:
        loaded = load(path, environ=os.environ)
    except K0rdentAzureError as error:
        how = workspace.command("config validate")
        status = "missing" if needed else "doubt"
        return Check(name="configuration", status=status, required=needed, found=error.message, how=how)  # type: ignore[arg-type]
    doubts = len(loaded.warnings)
    if doubts:
        how = workspace.command("config validate")
        found = f"{path.name} is valid, with {doubts} warnings"
        return Check(name="configuration", status="doubt", required=needed, found=found, how=how)
    return Check(name="configuration", status="ok", required=needed, found=f"{path.name} is valid")


def _state(workspace: Workspace) -> Check:
    from k0rdent_azure.cli.prerequisites import Check
    from k0rdent_azure.cli.state_check import inspect_file

    path = workspace.state_path
    if not path.exists():
        lost = trace(workspace)
        if lost is None:
            return Check(name="state", status="ok", required=False, found="none yet")
        return Check(
            name="state",
            status="missing",
            required=True,
            found=f"there is no {path.name}, but {lost.what}",
            how=lost.way_back,
        )
    faults = inspect_file(path).faults
    errors = sum(1 for fault in faults if fault.severity == "error")
    how = workspace.command("state check")
    if errors:
        found = f"{path.name} has {errors} faults"
        return Check(name="state", status="missing", required=True, found=found, how=how)
    if faults:
        found = f"{path.name} is valid, with {len(faults)} warnings"
        return Check(name="state", status="doubt", required=True, found=found, how=how)
    return Check(name="state", status="ok", required=True, found=f"{path.name} is valid")


def _secrets(workspace: Workspace) -> Iterator[Check]:
    """How the private keys in the state stand. In clear, as the plan has them, is no fault; told all the same."""
    from k0rdent_azure.cli.prerequisites import Check
    from k0rdent_azure.report.text import plural
    from k0rdent_azure.state.secrets_standing import standing

    try:
        store = workspace.store()
        found = standing(store.read(), store.storage)
    except K0rdentAzureError:
        # What is wrong with the state is told by its own check.
        return
    keys, how = plural(found.secrets, "private key"), workspace.command("secrets status")
    if found.trouble is not None:
        told = f"{keys}, {found.encrypted} encrypted; {found.trouble}"
        yield Check(name="secrets", status="missing", required=True, found=told, how=how)
    elif found.recipients:
        told = f"{keys}, {found.encrypted} encrypted"
        told += f", opened by {found.opened_by}" if found.opened_by else ""
        doubtful = found.encrypted < found.secrets or found.in_clear or found.opened_by is None
        status: Literal["ok", "doubt"] = "doubt" if doubtful else "ok"
        yield Check(name="secrets", status=status, required=False, found=told, how=how)
    elif found.secrets:
        mode = store.path.stat().st_mode & 0o777
        told = f"{keys} in clear ({mode:04o}); `secrets encrypt` encrypts them"
        if mode & 0o077:
            how = f"others may read them: chmod 600 {shell_word(str(store.path))}"
            yield Check(name="secrets", status="doubt", required=False, found=told, how=how)
        else:
            yield Check(name="secrets", status="ok", required=False, found=told)


def _clock(workspace: Workspace) -> Check:
    """Certificates and tokens depend on it; a clock behind the state's own times is surely wrong."""
    from k0rdent_azure.cli.prerequisites import Check
    from k0rdent_azure.clock import parse_timestamp

    now, earliest = datetime.now(UTC), _EARLIEST
    try:
        if workspace.store().exists():
            written = parse_timestamp(workspace.store().read().state.metadata.last_updated)
            earliest = max(earliest, written - _SKEW)
    except (K0rdentAzureError, ValueError):
        pass
    found = now.strftime("%Y-%m-%d %H:%M UTC")
    if now >= earliest:
        return Check(name="clock", status="ok", required=True, found=found)
    found = f"{found}, but it is at least {earliest.strftime('%Y-%m-%d %H:%M')}"
    return Check(
        name="clock",
        status="missing",
        required=True,
        found=found,
        how="set the clock (timedatectl set-ntp true)",
    )


def _show(cloud: str, checks: Sequence[Check], missing: Sequence[Check]) -> None:
    from rich.text import Text

    from k0rdent_azure.cli.output import console, is_ascii_only
    from k0rdent_azure.report.text import clean, plural
    from k0rdent_azure.report.theme import STYLES, Condition, Look

    screen, look = console(), Look(ascii_only=is_ascii_only(sys.stdout))
    conditions: dict[str, Condition] = {
        "ok": "good",
        "doubt": "halted",
        "unneeded": "waiting",
        "missing": "bad",
    }
    width = max(len(check.name) for check in checks)
    for check in checks:
        condition = conditions[check.status]
        line = Text.assemble(
            (f"{look.sign(condition)} {check.name:<{width}}", STYLES[condition]), f"  {clean(check.found)}"
        )
        screen.print(line, soft_wrap=True)
        if check.how and check.status != "ok":
            screen.print(Text(f"{'':<{width + 4}}{look.arrow} {clean(check.how)}", "cyan"), soft_wrap=True)
    verdict = f"{plural(len(missing), 'thing')} missing" if missing else "nothing required is missing"
    screen.print(Text(f"\n{verdict} for a deployment on {cloud}", "bold"))
