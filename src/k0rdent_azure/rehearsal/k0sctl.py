"""A stand-in for k0sctl where none is installed: `python -m k0rdent_azure.rehearsal.k0sctl apply --config F`.

It speaks to the simulated hosts over the same SSH, through the same bastion and with the same known hosts
(`SSH_KNOWN_HOSTS`, strictly), and logs in k0sctl's form off a terminal. It is for rehearsals only, and says
so in its first line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import asyncssh

from k0rdent_azure.errors import K0rdentAzureError
from k0rdent_azure.rehearsal.k0sctl_apply import Operation
from k0rdent_azure.rehearsal.k0sctl_config import ClusterConfig, read

STAND_IN = "this is a rehearsal stand-in for k0sctl, for simulated hosts only"
VERSION = "v0.32.2 (rehearsal stand-in)"


def write(stream: TextIO, text: str, *, level: str = "info") -> None:
    """One line as logrus' text formatter writes it."""
    stream.write(f"level={level} msg={json.dumps(text, ensure_ascii=False)}\n")
    stream.flush()


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="k0sctl", description=STAND_IN, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version", allow_abbrev=False)
    for name in ("apply", "reset", "kubeconfig"):
        command = commands.add_parser(name, allow_abbrev=False)
        command.add_argument("--config", "-c", type=Path, default=Path("k0sctl.yaml"))
        for switch in ("--debug", "--trace", "--disable-telemetry", "--disable-upgrade-check"):
            command.add_argument(switch, action="store_true", help=argparse.SUPPRESS)
        if name == "reset":
            command.add_argument("--force", action="store_true")
        if name == "kubeconfig":
            for option in ("--address", "--user", "--cluster"):
                command.add_argument(option)
    return parser.parse_args(words)


async def _apply(config: ClusterConfig) -> None:
    start = time.monotonic()
    operation = Operation(config, lambda text: write(sys.stdout, text))
    try:
        await operation.apply()
    except Exception:
        await operation.clean_up()
        raise
    write(sys.stdout, f"==> Finished in {int(time.monotonic() - start)}s")
    write(sys.stdout, f"k0s cluster version {config.version} is now installed")


async def _reset(config: ClusterConfig) -> None:
    start = time.monotonic()
    await Operation(config, lambda text: write(sys.stdout, text)).reset()
    write(sys.stdout, f"==> Finished in {int(time.monotonic() - start)}s")


async def _kubeconfig(config: ClusterConfig, arguments: argparse.Namespace) -> None:
    operation = Operation(config, lambda _text: None)
    text = await operation.kubeconfig(
        address=arguments.address, user=arguments.user, cluster=arguments.cluster
    )
    sys.stdout.write(text)


def main(words: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 after any error, 130 when interrupted, as k0sctl's."""
    arguments = _arguments(words)
    if arguments.command == "version":
        sys.stdout.write(f"version: {VERSION}\ncommit: none, {STAND_IN}\n")
        return 0
    write(sys.stderr if arguments.command == "kubeconfig" else sys.stdout, STAND_IN, level="warning")
    try:
        config = read(arguments.config)
        if arguments.command == "apply":
            asyncio.run(_apply(config))
        elif arguments.command == "kubeconfig":
            asyncio.run(_kubeconfig(config, arguments))
        elif not arguments.force:
            write(sys.stdout, "reset requires --force", level="fatal")
            return 1
        else:
            asyncio.run(_reset(config))
    except (K0rdentAzureError, asyncssh.Error, OSError) as error:
        stream = sys.stderr if arguments.command == "kubeconfig" else sys.stdout
        write(stream, f"{arguments.command} failed: {error}", level="fatal")
        return 1
    except KeyboardInterrupt:
        write(sys.stderr, f"{arguments.command} interrupted", level="fatal")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
