"""Every storage that there is, and the store over it, against the contract in `conformance.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.state.storage import FileStorage
from tests.state.conformance import Opener, StorageContract, StoreContract
from tests.state.memory_storage import MemoryStorage


def _files(tmp_path: Path) -> Opener:
    return lambda: FileStorage(tmp_path / "deployment-state.yaml")


def _memory(_tmp_path: Path) -> Opener:
    storage = MemoryStorage()
    return lambda: storage


@pytest.fixture(params=[_files, _memory], ids=["files", "memory"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """A storage on objects joins with one more line here."""
    made: Opener = request.param(tmp_path)
    return made


class TestStorage(StorageContract):
    pass


class TestStore(StoreContract):
    pass
