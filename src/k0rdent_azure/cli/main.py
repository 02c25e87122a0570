"""`k0rdent-azure`: the parser and the one place where errors become exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from k0rdent_azure import __version__
from k0rdent_azure.cli import streams
from k0rdent_azure.cli.help import Parser
from k0rdent_azure.cli.surroundings import settle
from k0rdent_azure.command_line import shell_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from k0rdent_azure.errors import K0rdentAzureError

#: In the order of `--help`. Each is a module of this package with `register` and `run`.
COMMANDS = (
    "init",
    "config",
    "doctor",
    "plan",
    "deploy",
    "resume",
    "status",
    "vm",
    "validate",
    "events",
    "event",
    "state",
    "snapshot",
    "rollback",
    "recover",
    "secrets",
    "lock",
    "unlock",
    "replace",
    "destroy",
    "rehearse",
    "completion",
)

EPILOG = """\
examples:
  k0rdent-azure init --template production --cloud rehearsal   write k0rdent.yaml
  k0rdent-azure plan                                           what deploy would do
  k0rdent-azure deploy                                         create everything
  k0rdent-azure status                                         where it stands, offline
  k0rdent-azure resume                                         go on after an interruption

exit codes:
  0 success            4 state file               8 k0sctl, k0s or kcm
  1 other failure      5 another run holds it     9 a prerequisite is missing
  2 usage              6 Azure                   10 not confirmed
  3 configuration      7 SSH, cloud-init, VPN   11, 12 drift, something not read (validate)
                                                130 Ctrl-C, 143 SIGTERM, SIGHUP
"""


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole parser, or one that knows just the command `only` (quicker to build)."""
    root = Parser(
        prog="k0rdent-azure",
        description="Deploy a k0rdent management cluster on Azure; one state file is the truth about it.",
        epilog=EPILOG,
    )
    root.add_argument("--version", action="version", version=f"k0rdent-azure {__version__}")
    root.add_argument(
        "-C", dest="workspace", metavar="DIR", type=_folder, default=Path(), help="workspace (default: here)"
    )
    commands = root.add_subparsers(prog=root.prog, dest="command", metavar="COMMAND", required=True)
    for name in (only,) if only else COMMANDS:
        module = importlib.import_module(f"k0rdent_azure.cli.{name}")
        module.register(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, never a traceback for anything a user can cause."""
    # Imported here, as in the functions below: `entry` has something to do before msgspec comes in.
    from k0rdent_azure.errors import K0rdentAzureError

    words = list(sys.argv[1:] if arguments is None else arguments)
    args = _parsed(words)
    module = importlib.import_module(f"k0rdent_azure.cli.{args.command}")
    try:
        args.workspace = _workspace(args.workspace, needed=args.command != "init")
        code: int = module.run(args)
        sys.stdout.flush()
    except K0rdentAzureError as error:
        _lead(error, words)
        return _failed(error, args)
    except OSError as error:
        return _failed(K0rdentAzureError(_os_error(error), hint=_remedy(error)), args)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("K0RDENT_AZURE_DEBUG"):
            raise
        hint = "this is a bug; with K0RDENT_AZURE_DEBUG=1 the same command shows where"
        return _failed(K0rdentAzureError(f"internal error: {type(error).__name__}", hint=hint), args)
    return code


def _parsed(words: list[str]) -> argparse.Namespace:
    """The arguments; what is wrong with the command line is said, and ends the process with 2."""
    from k0rdent_azure.errors import UsageError

    command = _command(words)
    root = parser(command)
    try:
        args, left = root.parse_known_args(words)
        if not left:
            return args
        error = UsageError(
            f"too much on the command line: {' '.join(left)[:200]}",
            hint=f"see: k0rdent-azure {args.command} --help",
        )
    except UsageError as refused:
        error = refused
    from k0rdent_azure.cli.advice import unknown_option
    from k0rdent_azure.cli.output import show_error

    # An option that does not exist is the cause where something else seems to be missing or too much.
    show_error(unknown_option(parser() if command else root, words) or error, as_json="--json" in words)
    raise SystemExit(UsageError.exit_code)


def _lead(error: K0rdentAzureError, words: Sequence[str]) -> None:
    """Of a look that Azure refused, what to do about it is followed by the same command again."""
    from shlex import join

    from k0rdent_azure.errors import AzureRequestError

    if isinstance(error, AzureRequestError) and error.hint and not error.is_led and error.way != "report":
        error.hint = f"{error.hint}; then: {join(['k0rdent-azure', *words])}"


def _failed(error: K0rdentAzureError, args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import show_error

    if isinstance(args.workspace, Path) and args.workspace.is_absolute():
        _place(error, args.workspace)
    show_error(error, as_json=getattr(args, "json", False))
    return error.exit_code


def _place(error: K0rdentAzureError, directory: Path) -> None:
    """Let the commands in an error's texts be those of this workspace."""
    from k0rdent_azure.cli.workspace import Workspace
    from k0rdent_azure.errors import ConfigError, StateError

    workspace = Workspace(directory)
    error.message = workspace.placed(error.message)
    error.hint = error.hint and workspace.placed(error.hint)
    if isinstance(error, ConfigError | StateError):
        error.faults = tuple(workspace.placed_fault(fault) for fault in error.faults)


def _os_error(error: OSError) -> str:
    """What the system said, with the file it said it of."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _remedy(error: OSError) -> str | None:
    import errno

    return {
        errno.EMFILE: "let it open more files: ulimit -n 1024",
        errno.ENFILE: "the machine has too many open files; end what holds them",
        errno.ENOSPC: "make room on that disk, then run the command again",
        errno.EDQUOT: "make room within your quota, then run the command again",
        errno.EROFS: "it cannot be written to; use a folder that can, with -C",
    }.get(error.errno or 0)


def entry() -> None:
    """The console script."""
    import atexit
    import gc

    # Starting allocates much that stays; the default of 700 would look through all of it dozens of times.
    gc.set_threshold(100_000, 20, 20)
    # Nor does it need a last look when the process ends and all memory goes with it. First in, so last to be done.
    atexit.register(gc.freeze)
    streams.settle()
    settle(os.environ)
    _import_msgspec()
    sys.exit(streams.finish(_code(), as_json="--json" in sys.argv))


def _code() -> int:
    """The exit code of this command line, also where argparse or Ctrl-C ends it."""
    try:
        return main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130


def _import_msgspec() -> None:
    """Import it without `typing_extensions`, which takes as long as all of msgspec and only repeats `typing` for it."""
    name = "typing_extensions"
    if name in sys.modules:
        return
    # What stands as None is not found, and msgspec goes on without it; whoever comes later finds it again.
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        importlib.import_module("msgspec")
    finally:
        del sys.modules[name]


def _command(words: Sequence[str]) -> str | None:
    """The command that is surely meant, or None where the whole parser must decide (or list them)."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "-C":
            skip = True
        elif word.startswith("-C"):
            continue
        else:
            return word if word in COMMANDS and word != "completion" else None
    return None


def _workspace(directory: Path, *, needed: bool) -> Path:
    """The folder itself; `init` makes it, once it knows what to write there."""
    from k0rdent_azure.errors import UsageError

    try:
        resolved = directory.resolve()
        is_folder, is_there = resolved.is_dir(), resolved.exists()
    except (OSError, RuntimeError) as error:
        if directory == Path():
            raise UsageError(
                "the current folder cannot be used; it may have been deleted",
                hint="cd to another one, or name the workspace: k0rdent-azure -C DIR COMMAND",
            ) from None
        # Python says RuntimeError of links that lead in a circle, and from 3.13 on OSError.
        why = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise UsageError(f"-C {directory}: {why}", hint="name another folder") from None
    if is_there and not is_folder:
        raise UsageError(f"-C {directory}: not a directory", hint="name the folder that the workspace is")
    if needed and not is_there:
        raise UsageError(f"-C {directory}: no such directory", hint=f"mkdir -p {shell_folder(directory)}")
    return resolved


def _folder(text: str) -> Path:
    """An empty `-C` is a variable without a value, not the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a folder, or leave -C out for the current one")
    return Path(text)
