"""`rehearse`: the rehearsal cloud of this workspace, which a deployment on it starts by itself."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from k0rdent_azure.cli import rehearse_fault
from k0rdent_azure.cli.cloud import rehearsal_seed, rehearsal_speed
from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace

EPILOG = """\
examples:
  k0rdent-azure rehearse serve       run it in the foreground (Ctrl-C ends it)
  k0rdent-azure rehearse log --json  every ARM request it got, in order
  k0rdent-azure rehearse fault http --status 429 --retry-after 30 --method PUT
  k0rdent-azure rehearse fault vm-deallocated --vm k0s-worker-1
  k0rdent-azure rehearse az vm list -d -o table
  eval "$(k0rdent-azure rehearse az-env)"   from here on `az` itself talks to it
  k0rdent-azure rehearse stop        end it; what it holds stays on disk
  k0rdent-azure rehearse reset       end it and forget everything

K0RDENT_AZURE_REHEARSAL_SPEED (60) is its speed, K0RDENT_AZURE_REHEARSAL_SEED (0) its seed, and
K0RDENT_AZURE_REHEARSAL_DIR (.rehearsal in the workspace) its folder, which several workspaces can share.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "rehearse",
        help="the rehearsal cloud: serve, stop, reset, log, fault, az",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="action", metavar="ACTION", required=True)
    actions.add_parser("serve", help="run the cloud in the foreground")
    actions.add_parser("stop", help="end it; resources go on existing on disk")
    actions.add_parser("reset", help="end it and delete all that it holds")
    log = actions.add_parser("log", help="the ARM requests that it got")
    log.add_argument("--json", action="store_true", help="one JSON object a line")
    rehearse_fault.register(actions)
    az = actions.add_parser("az", help="run the real az on it, logged in", add_help=False, prefix_chars="\0")
    az.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="what follows `az`")
    actions.add_parser("az-env", help="log the real az in, and print the variables that lead it here")


def run(args: argparse.Namespace) -> int:
    from k0rdent_azure.rehearsal import service

    directory = Workspace(args.workspace).rehearsal_dir
    if args.action == "serve":
        service.serve_in_foreground(directory, speed=rehearsal_speed(), seed=rehearsal_seed())
    elif args.action == "stop":
        _say("stopped" if service.stop(directory) else "was not running")
    elif args.action == "reset":
        service.reset(directory)
        _say("reset")
    elif args.action == "fault":
        rehearse_fault.run(args, directory)
    elif args.action in ("az", "az-env"):
        return _az(args, directory)
    else:
        _log(args)
    return 0


def _az(args: argparse.Namespace, directory: Path) -> int:
    """Starts the cloud if need be, as a deployment does."""
    import shlex

    from k0rdent_azure.rehearsal import az, service

    az.executable()
    endpoint = service.start(directory, speed=rehearsal_speed(), seed=rehearsal_seed())
    if args.action == "az":
        return az.run(directory, endpoint, args.words)
    az.log_in(directory, endpoint)
    for name, value in az.variables(directory, endpoint).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _say(what: str) -> None:
    from k0rdent_azure.cli.output import show_notice

    show_notice(f"rehearsal cloud: {what}")


def _log(args: argparse.Namespace) -> None:
    import msgspec

    from k0rdent_azure.rehearsal import service

    for line in service.requests(Workspace(args.workspace).rehearsal_dir):
        if args.json:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        else:
            sys.stdout.write(f"{line['time']}  {line['status']}  {line['method']:6} {line['path']}\n")
