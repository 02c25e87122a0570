"""Many processes at once: no update is lost, nothing half is seen, and one run holds the lock at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.state import crash_starts as starts
from tests.state import crash_steps as steps
from tests.state.interleaving import check_conflicts, check_readers, check_run_lock, check_writers

ROOT = Path(__file__).parents[2]
EXHAUSTIVE = os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1"
WRITERS, TRANSACTIONS = (32, 500) if EXHAUSTIVE else (8, 50)


def contend(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.state.contention_runs", str(folder), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_update_is_lost(tmp_path: Path) -> None:
    began = time.monotonic()
    done = contend(tmp_path, WRITERS, TRANSACTIONS, 2)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    sys.stdout.write(f"{figures} in {time.monotonic() - began:.0f} s\n")
    assert figures["serial"] == WRITERS * TRANSACTIONS + 1
    assert figures["segments"] >= WRITERS * TRANSACTIONS // 300


@pytest.mark.parametrize("bug", ["lock released before the commit", "written in place, seen by readers"])
def test_contention_finds_known_bugs(bug: str, tmp_path: Path) -> None:
    assert contend(tmp_path, 4, 50, 1, bug).returncode == 1


def test_runs_fight_for_the_lock(tmp_path: Path) -> None:
    done = contend(tmp_path, "--runs", 4, 25)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"runs": 100}


def test_the_fight_finds_a_lock_that_is_none(tmp_path: Path) -> None:
    assert contend(tmp_path, "--runs", 4, 500, "two runs at once").returncode == 1


@pytest.mark.parametrize("other", [steps.events("other", 1), steps.change(7)], ids=lambda step: step.name)
@pytest.mark.parametrize(
    "mine", [steps.events("mine", 1), steps.events("mine", 16)], ids=lambda step: step.name
)
def test_another_writer_at_each_call(
    mine: steps.Step, other: steps.Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts.shorten_trails(monkeypatch)
    assert check_writers(starts.begun(steps.events("before", 5)), mine, other) >= 20


@pytest.mark.parametrize("step", [steps.change(2), steps.events("mine", 16)], ids=lambda step: step.name)
def test_a_reader_at_each_call(step: steps.Step, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    assert check_readers(starts.begun(steps.events("before", 5)), step) >= 20


def test_a_writer_that_decided_by_an_old_version_is_refused() -> None:
    check_conflicts(starts.begun(steps.change(1)))


def test_a_live_run_is_respected_and_a_dead_one_is_not() -> None:
    check_run_lock()
