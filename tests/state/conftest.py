"""A store with a small valid document, on a clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.store import FileStore

EXAMPLE = Path(__file__).parent.parent / "data" / "state-example.yaml"
NOW = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)


class StillClock(SystemClock):
    def now(self) -> datetime:
        return NOW


def small() -> dict[str, object]:
    """The least that is valid."""
    return {
        "metadata": {
            "schema_version": "1.0",
            "deployment_id": "k0rdent-test0001",
            "created_at": "2025-01-07T15:30:00Z",
            "last_updated": "2025-01-07T15:30:00Z",
            "deployment_phase": "preparation",
            "deployment_status": "pending",
        },
        "configuration": {"azure": {"location": "westus2"}},
        "events": [],
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deployment-state.yaml"


@pytest.fixture
def store(path: Path) -> FileStore:
    made = FileStore(path, clock=StillClock())
    made.create(small())
    return made


@pytest.fixture
def example(path: Path) -> FileStore:
    """A store whose file is the plan's example, byte for byte."""
    path.write_bytes(EXAMPLE.read_bytes())
    return FileStore(path, clock=StillClock())
