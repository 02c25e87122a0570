"""`init`: write a commented k0rdent.yaml to start from."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import CONFIG_NAME, Workspace
from k0rdent_azure.errors import ConfigError, DeclinedError, UsageError

#: What is written where nobody can be asked.
DEFAULT_TEMPLATE = "minimal"
DEFAULT_CLOUD = "AzureCloud"

EPILOG = """\
templates:
  minimal           1 controller, 1 worker
  small             1 controller, 2 workers
  single-node       everything on 1 VM
  production        3 controllers, 2 workers, several zones, Arm
  production-spot   the same on Spot VMs
  large             3 controllers, 20 workers

examples:
  k0rdent-azure init                                            asks, on a terminal
  k0rdent-azure init --template production --location westeurope
  k0rdent-azure init --template production --cloud rehearsal --yes

It never overwrites a configuration unless told so with --force.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from k0rdent_azure.config.templates import CLOUDS, TEMPLATES

    parser = subparsers.add_parser(
        "init",
        help="write a commented k0rdent.yaml",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument(
        "--template", choices=list(TEMPLATES), help=f"what to start from ({DEFAULT_TEMPLATE})"
    )
    parser.add_argument("--cloud", choices=CLOUDS, help=f"where to deploy ({DEFAULT_CLOUD})")
    parser.add_argument("--location", metavar="REGION", help="the Azure region (the cloud's usual one)")
    parser.add_argument("--force", action="store_true", help="replace a configuration that is there")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import print_json, show_notice, show_warnings
    from k0rdent_azure.config.load import load_bytes
    from k0rdent_azure.config.templates import render
    from k0rdent_azure.report.text import clean

    workspace = Workspace(args.workspace)
    target = workspace.directory / CONFIG_NAME
    _refuse_to_overwrite(workspace, force=args.force)
    template, cloud = _choices(args)
    text = render(template, cloud=cloud, location=args.location)
    # The templates themselves are right, so whatever is wrong comes from the command line.
    loaded = load_bytes(text.encode(), label=CONFIG_NAME, environ={})
    _write(target, text, force=args.force)
    show_warnings(loaded.warnings)
    if workspace.state_path.exists():
        show_notice("a deployment exists here; it keeps the configuration that it was created with")
    if args.json:
        location = loaded.config.azure.location
        print_json({"path": str(target), "template": template, "cloud": cloud, "location": location})
    else:
        plan, deploy = workspace.command("plan"), workspace.command("deploy")
        sys.stdout.write(
            f"wrote {clean(target)} (template {template}, {cloud})\nlook: {plan}\nthen: {deploy}\n"
        )
    return 0


def _refuse_to_overwrite(workspace: Workspace, *, force: bool) -> None:
    existing = workspace.config_path
    if existing.exists() and not force:
        raise UsageError(
            f"{existing} is there already",
            hint="edit it, or replace it with --force"
            if existing.name == CONFIG_NAME and existing.parent == workspace.directory
            else f"it is used as it is; --force writes a {CONFIG_NAME} that takes its place",
        )


def _choices(args: argparse.Namespace) -> tuple[str, str]:
    """Template and cloud: from the flags, else asked for on a terminal, else the defaults."""
    from k0rdent_azure.config.templates import CLOUDS, TEMPLATES

    asking = not (args.yes or args.json or args.template) and sys.stdin.isatty() and sys.stderr.isatty()
    template, cloud = args.template or DEFAULT_TEMPLATE, args.cloud or DEFAULT_CLOUD
    if asking:
        for name, known in TEMPLATES.items():
            sys.stderr.write(f"  {name:<16}  {known.summary}\n")
        template = _ask("template", tuple(TEMPLATES), template)
        cloud = args.cloud or _ask("cloud", CLOUDS, cloud)
    return template, cloud


def _ask(what: str, allowed: tuple[str, ...], default: str) -> str:
    """One question until the answer is allowed; Enter takes the default. Raises DeclinedError at the end of input."""
    while True:
        sys.stderr.write(f"{what} ({', '.join(allowed)}) [{default}]: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise DeclinedError("no answer; nothing was written", hint="add --template")
        answer = line.strip() or default
        if answer in allowed:
            return answer


def _write(target: Path, text: str, *, force: bool) -> None:
    """Create the file, or with `force` put a whole new one in its place. Raises ConfigError, UsageError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not force:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
            return
        _replace(target, text)
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="replace it with --force") from None
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}") from None


def _replace(target: Path, text: str) -> None:
    """A crash in the middle leaves the old file, not half of the new one."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
