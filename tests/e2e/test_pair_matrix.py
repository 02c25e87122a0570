"""Whatever was killed, whatever is typed then: nobody is harmed, and what was typed, or its hint, reaches the end.

`make test-all` draws points for each pair, in a group of its own and in one of the user's; `make test` runs what once
led astray.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import EXHAUSTIVE
from tests.e2e.pairs import COMMANDS
from tests.e2e.test_kill_matrix import PASSED, matrix

pytestmark = pytest.mark.e2e

#: First, second, points. A VM that was recreated without its cloud-init, as another one's submission was taken for its
#: own; a rollback and new keys that waited for good for a VM that was not made yet; a VM that was lost in the
#: middle of a rollback, or while keys were replaced, so that neither could end nor the VM be recreated.
FOUND = (
    ("replace controller", "replace controller", "commit vm_creation #2 after"),
    ("replace controller", "rollback", "commit vm_creation #2 after"),
    ("replace worker", "rekey", "commit vm_creation #2 after"),
    ("rollback", "repair", "commit complete #1 after"),
    (
        "rekey",
        "repair",
        "ssh run k0s-controller-3: sudo -n sh -c 'install -m 0600 /dev/stdin /etc/wireguard/wg0 #2 before",
    ),
)
#: Points of each pair in `make test-all`.
DRAWN = 3


def test_what_once_led_astray(tmp_path: Path) -> None:
    words = [word for first, second, point in FOUND for word in ("--run", f"{first} / {second} / {point}")]
    done = matrix("pair_matrix", tmp_path / "runs", "--jobs", 2, *words)
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    assert json.loads(done.stdout)["killed"] == len(FOUND)


@pytest.mark.skipif(not EXHAUSTIVE, reason="set K0RDENT_AZURE_EXHAUSTIVE=1 (make test-all)")
@pytest.mark.parametrize("where", ["--group", ""], ids=["in a group", "alone"])
def test_every_pair(where: str, tmp_path: Path) -> None:
    words = ("--jobs", 2, "--sample", DRAWN, "--seed", 1, *filter(None, [where]))
    done = matrix("pair_matrix", tmp_path / "runs", *words)
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    figures = json.loads(done.stdout)
    assert figures["pairs"] == len(COMMANDS) ** 2
    assert figures["killed"] >= figures["run"] * PASSED
