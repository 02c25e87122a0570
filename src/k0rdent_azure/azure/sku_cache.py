"""Keeps the list of VM sizes for some hours: it is megabytes, and the same for every deployment into a region.

One file for each cloud, subscription and region, 0600. A file that is old, damaged, unreadable or not writable is
no cache, and never an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from k0rdent_azure.azure.skus import VmSize
from k0rdent_azure.home import home_folder

#: Restrictions change with Azure's capacity, though not from hour to hour.
EXPIRY = timedelta(hours=6)


class _Cached(msgspec.Struct, kw_only=True):
    """`key` says what it is about in words; the file's name only tells it from others."""

    key: str
    fetched_at: datetime
    sizes: list[VmSize]


class SkuCache:
    """The lists of one user (`user_cache_directory`); without a folder nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def get(self, cloud: str, subscription: str, location: str, *, now: datetime) -> list[VmSize] | None:
        """The list, if it is no older than `EXPIRY`; `now` is aware."""
        if self._directory is None:
            return None
        key = _key(cloud, subscription, location)
        try:
            kept = msgspec.json.decode(_path(self._directory, key).read_bytes(), type=_Cached)
            age = now - kept.fetched_at
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        # A time in the future is no less doubtful than one long ago.
        return kept.sizes if kept.key == key and timedelta() <= age < EXPIRY else None

    def put(
        self, cloud: str, subscription: str, location: str, sizes: Sequence[VmSize], *, now: datetime
    ) -> None:
        """Keep a list; a reader sees the old file or the new one, never half of one."""
        if self._directory is None:
            return
        key = _key(cloud, subscription, location)
        content = msgspec.json.encode(_Cached(key=key, fetched_at=now, sizes=list(sizes)))
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            # mkstemp makes the file 0600.
            descriptor, name = tempfile.mkstemp(dir=self._directory, prefix=".skus-")
            temporary = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                temporary.replace(_path(self._directory, key))
            except OSError:
                temporary.unlink()


def _path(directory: Path, key: str) -> Path:
    return directory / f"skus-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def user_cache_directory(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CACHE_HOME/k0rdent-azure`, else `~/.cache/k0rdent-azure`; None for a user without a home.

    https://specifications.freedesktop.org/basedir-spec: a relative path is to be ignored.
    """
    wanted = Path(environ.get("XDG_CACHE_HOME") or "")
    if wanted.is_absolute():
        return wanted / "k0rdent-azure"
    home = home_folder(environ)
    return None if home is None else home / ".cache" / "k0rdent-azure"


def _key(cloud: str, subscription: str, location: str) -> str:
    return f"{cloud}/{subscription}/{location}".lower()
