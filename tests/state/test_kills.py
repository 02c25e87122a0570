"""Writers that are killed at random moments: the file is whole, and nothing that they acknowledged is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 1000 if os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1" else 100


def kill_runs(folder: Path, kills: int, seed: int, *bug: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.state.kill_runs", str(folder), str(kills), str(seed), *bug]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def test_kills_at_random_moments(tmp_path: Path) -> None:
    done = kill_runs(tmp_path, KILLS, 3)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    sys.stdout.write(f"{figures}\n")
    assert figures["kills"] >= KILLS
    # Kills that never meet a writer at work would show nothing.
    assert figures["acknowledged"] > KILLS
    assert figures["segments"] > KILLS / 5


@pytest.mark.parametrize(
    ("bug", "seen_as"),
    [
        ("truncated and written in place", "deployment-state.yaml"),
        ("chain not continued", "does not follow"),
        ("serial not raised", "serial"),
    ],
)
def test_kills_find_known_bugs(bug: str, seen_as: str, tmp_path: Path) -> None:
    done = kill_runs(tmp_path, KILLS, 3, bug)
    assert done.returncode == 1
    assert seen_as in done.stderr
