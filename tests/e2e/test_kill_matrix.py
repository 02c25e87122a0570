"""Killed at any point, a command that is run again reaches the end that an undisturbed one reaches.

`make test-all` kills at every point; `make test` at some, the same ones for the same commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EXHAUSTIVE = os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1"
#: Scenario -> how many points `make test` draws, and how many there must be at least.
SCENARIOS = {
    "deploy": (8, 300),
    "destroy": (2, 25),
    "replace": (2, 60),
    "rollback": (2, 40),
    "rollback-all": (2, 30),
}
#: What the killed run waited for may be there sooner than in the undisturbed one; then it ends before its point.
PASSED = 0.85


def matrix(module: str, *words: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", f"tests.e2e.{module}", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_point_leads_to_the_same_end(scenario: str, tmp_path: Path) -> None:
    sample, least = SCENARIOS[scenario]
    drawn = () if EXHAUSTIVE else ("--sample", sample, "--seed", 1)
    done = matrix("kill_matrix", scenario, tmp_path / "runs", "--jobs", 2, *drawn)
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    figures = json.loads(done.stdout)
    assert figures["points"] >= least
    assert figures["run"] == (figures["points"] if EXHAUSTIVE else sample)
    assert figures["killed"] >= figures["run"] * (PASSED if EXHAUSTIVE else 0.5)


#: What the whole matrix found: half-written keys that stayed, a key that nobody knew of, a VPN to an address of
#: before, a deployment that was adopted when it was done and then submitted again.
FOUND = [
    ("deploy", "file ID-ssh-key #1 before"),
    ("give up", "file ID-ssh-key #1 before"),
    ("give up", "file ID-ssh-key #1 after"),
    ("repair", "commit vpn_setup #2 before"),
    ("repair", "commit azure_setup #3 before"),
]


@pytest.mark.parametrize(("scenario", "point"), FOUND)
def test_points_that_once_led_astray(scenario: str, point: str, tmp_path: Path) -> None:
    done = matrix("kill_matrix", scenario, tmp_path / "runs", "--point", point)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] == 1


def test_a_put_that_is_not_idempotent_is_found(tmp_path: Path) -> None:
    point = "arm PUT /providers/Microsoft.Resources/deployments/ID #1 after"
    done = matrix("kill_matrix", "deploy", tmp_path / "runs", "--point", point, "--bug")
    assert done.returncode == 1
    assert "2 deployments were accepted as new" in done.stderr
