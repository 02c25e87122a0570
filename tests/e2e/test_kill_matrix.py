"""Killed at any point, a command that is run again reaches the end that an undisturbed one reaches.

`make test-all` kills at every point; `make test` at some, the same ones for the same commit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import EXHAUSTIVE
from tests.e2e.kill_matrix import IN_A_GROUP

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Share:
    """`found` are points that once led astray, which are always run; `drawn` is how many more `make test` runs.

    A scenario with neither is left to `make test-all`. There must be `least` points.
    """

    least: int
    drawn: int = 0
    found: tuple[str, ...] = ()


#: What was found: half-written keys that stayed, a key that nobody knew of, a VPN to an address of before, a deployment
#: that was adopted when it was done and then submitted again.
ALONE = {
    "deploy": Share(300, drawn=6, found=("file ID-ssh-key #1 before",)),
    "give up": Share(300, found=("file ID-ssh-key #1 before", "file ID-ssh-key #1 after")),
    "destroy": Share(25, drawn=3),
    "repair": Share(150, found=("commit vpn_setup #2 before", "commit azure_setup #3 before")),
    "replace": Share(100),
    "rollback": Share(15),
    "rollback-all": Share(15),
}
#: All of them in a group of the user's, too; what is not named above is left to `make test-all`.
SCENARIOS = {f"{name}{IN_A_GROUP}": Share(share.least) for name, share in ALONE.items()} | ALONE
SCENARIOS["destroy, in a group"] = Share(40, drawn=2)
#: What the killed run waited for may be there sooner than in the undisturbed one; then it ends before its point.
PASSED = 0.7


def matrix(module: str, *words: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", f"tests.e2e.{module}", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_point_leads_to_the_same_end(scenario: str, tmp_path: Path) -> None:
    share = SCENARIOS[scenario]
    words = [word for point in share.found for word in ("--point", point)]
    if share.drawn:
        words += ["--sample", str(share.drawn), "--seed", "1"]
    if not words and not EXHAUSTIVE:
        pytest.skip("set K0RDENT_AZURE_EXHAUSTIVE=1 (make test-all)")
    done = matrix("kill_matrix", scenario, tmp_path / "runs", "--jobs", 2, *([] if EXHAUSTIVE else words))
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    figures = json.loads(done.stdout)
    assert figures["points"] >= share.least * (1 if EXHAUSTIVE else 0.8)
    assert figures["killed"] >= figures["run"] * (PASSED if EXHAUSTIVE else 0.5)


@pytest.mark.skipif(
    not EXHAUSTIVE, reason="shows the matrix, not the product; set K0RDENT_AZURE_EXHAUSTIVE=1"
)
def test_a_put_that_is_not_idempotent_is_found(tmp_path: Path) -> None:
    point = "arm PUT /providers/Microsoft.Resources/deployments/ID #1 after"
    done = matrix("kill_matrix", "deploy", tmp_path / "runs", "--point", point, "--bug")
    assert done.returncode == 1
    assert "2 deployments were accepted as new" in done.stderr
