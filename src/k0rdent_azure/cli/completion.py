"""`completion`: a script that lets the shell complete commands and options."""

from __future__ import annotations

import argparse
import sys

from k0rdent_azure.cli.help import HelpFormatter

EPILOG = """\
examples:
  k0rdent-azure completion bash > ~/.local/share/bash-completion/completions/k0rdent-azure
  k0rdent-azure completion zsh > "${fpath[1]}/_k0rdent-azure"
  k0rdent-azure completion tcsh | sudo tee /etc/profile.d/k0rdent-azure.completion.csh
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "completion",
        help="print a completion script for a shell",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell")


def run(args: argparse.Namespace) -> int:
    import shtab

    from k0rdent_azure.cli.main import parser

    root = parser()
    _complete_files(root)
    sys.stdout.write(shtab.complete(root, args.shell) + "\n")
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Options that take a file or a folder complete to such, in every subcommand."""
    import shtab

    for action in parser._actions:  # argparse has no public way to walk a parser
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                _complete_files(sub)
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
