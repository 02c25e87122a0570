"""Two copies of one workspace on one cloud: the one that is behind deletes nothing, whatever happens; both end well.

`make test-all` plays 200 seeds; `make test` some.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import EXHAUSTIVE
from tests.e2e.test_kill_matrix import matrix

pytestmark = pytest.mark.e2e

#: Both go their way without harm.
FOUND = (1,)
SEEDS = 200


def test_two_copies_do_no_harm(tmp_path: Path) -> None:
    chosen = ["--seeds", SEEDS] if EXHAUSTIVE else [word for seed in FOUND for word in ("--seed", seed)]
    done = matrix("copies", tmp_path / "runs", "--jobs", 2, *chosen)
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    figures = json.loads(done.stdout)
    assert (figures["violations"], figures["failed"]) == (0, 0)
    assert figures["run"] == (SEEDS if EXHAUSTIVE else len(FOUND))
