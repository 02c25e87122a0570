"""`python -m k0rdent_azure.rehearsal serve DIRECTORY --speed 60 --seed 0`: what `service.start` spawns."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from k0rdent_azure.errors import K0rdentAzureError
from k0rdent_azure.rehearsal import service


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m k0rdent_azure.rehearsal", allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True)
    serve = actions.add_parser(
        "serve", help="serve the cloud of a directory until SIGTERM", allow_abbrev=False
    )
    serve.add_argument("directory", type=Path)
    serve.add_argument("--speed", type=float, default=60.0)
    serve.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        service.serve_detached(arguments.directory, speed=arguments.speed, seed=arguments.seed)
    except K0rdentAzureError as error:
        sys.exit(f"{error} ({error.hint})")


if __name__ == "__main__":
    main()
