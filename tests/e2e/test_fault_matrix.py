"""Whatever fault meets whichever request: the run completes, or says why not and the next one completes.

`make test-all` lets each fault meet each request; `make test` draws some, the same ones for the same commit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import EXHAUSTIVE
from tests.e2e.test_kill_matrix import matrix

pytestmark = pytest.mark.e2e

SAMPLE = 6


@pytest.mark.parametrize("where", ["--group", ""], ids=["in a group", "alone"])
def test_every_fault_at_every_request(where: str, tmp_path: Path) -> None:
    if where and not EXHAUSTIVE:
        pytest.skip("set K0RDENT_AZURE_EXHAUSTIVE=1 (make test-all)")
    drawn = [] if EXHAUSTIVE else ["--sample", SAMPLE, "--seed", 1]
    done = matrix("fault_matrix", tmp_path / "runs", "--jobs", 2, *drawn, *filter(None, [where]))
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    figures = json.loads(done.stdout)
    assert figures["cells"] >= 150
    assert figures["run"] == (figures["cells"] if EXHAUSTIVE else SAMPLE)
    # Both ways to end are there; a matrix whose faults meet nothing shows nothing.
    assert len(figures["outcomes"]) >= 2
    assert figures["met"] >= figures["run"] * 0.9


@pytest.mark.skipif(
    not EXHAUSTIVE, reason="shows the matrix, not the product; set K0RDENT_AZURE_EXHAUSTIVE=1"
)
def test_a_put_that_is_not_idempotent_is_found(tmp_path: Path) -> None:
    done = matrix(
        "fault_matrix", tmp_path / "runs", "--cell", "deploy: reset after, from request 1 on", "--bug"
    )
    assert done.returncode == 1
    assert "2 deployments were accepted as new" in done.stderr
