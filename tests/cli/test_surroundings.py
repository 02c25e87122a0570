"""What is taken from the environment, and what is not: sizes, homes and names that make no sense."""

from __future__ import annotations

import fcntl
import os
import pty
import pwd
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from k0rdent_azure.azure.az_profile import profile_folder
from k0rdent_azure.azure.sku_cache import SkuCache, user_cache_directory
from k0rdent_azure.azure.subscriptions import az_default
from k0rdent_azure.cli.prerequisites import machine_checks
from k0rdent_azure.cli.surroundings import NO_HOME, clear_sizes, name_user
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.home import home_folder
from k0rdent_azure.report.screen import width_instead
from k0rdent_azure.state.age_identities import Identities
from k0rdent_azure.state.codec import dump
from tests.report.states import complete


@pytest.mark.parametrize("text", ["80", "20", "1000", "080"])
def test_a_sensible_size_stays(text: str) -> None:
    environ = {"COLUMNS": text}
    clear_sizes(environ)
    assert environ == {"COLUMNS": text}


@pytest.mark.parametrize(
    "text", ["", "0", "1", "-5", "abc", "19", "100000", "9" * 30, "9" * 5000, "²", "٨٠", "80.0", " 80", "1e3"]
)
def test_a_size_that_makes_no_sense_is_none(text: str) -> None:
    environ = {"COLUMNS": text, "LINES": text if text != "19" else "4", "TERM": "dumb"}
    clear_sizes(environ)
    assert environ == {"TERM": "dumb"}


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the password database does not know, as in a container."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)


HOMES = [{}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "~"}, {"HOME": "./x"}]


@pytest.mark.parametrize("environ", HOMES)
def test_nobody_has_no_home(environ: dict[str, str], nobody: None) -> None:
    assert home_folder(environ) is None
    assert user_cache_directory(environ) is None
    assert profile_folder(environ) is None
    assert az_default("AzureCloud", environ) is None
    assert Identities(environ=environ).candidates == []
    checks = {check.name: check for check in machine_checks(cloud="AzureCloud", environ=environ)}
    assert checks["azure login"].status == "missing"


@pytest.mark.parametrize("environ", HOMES)
def test_the_password_database_knows_a_home(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_dir="/home/ann"))
    assert home_folder(environ) == Path("/home/ann")
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_dir=""))
    assert home_folder(environ) is None


def test_a_relative_cache_folder_is_ignored(nobody: None) -> None:
    assert user_cache_directory({"XDG_CACHE_HOME": "here"}) is None
    assert user_cache_directory({"XDG_CACHE_HOME": "/there"}) == Path("/there/k0rdent-azure")
    assert user_cache_directory({"XDG_CACHE_HOME": "here", "HOME": "/h"}) == Path("/h/.cache/k0rdent-azure")


@pytest.mark.parametrize("kind", ["none", "missing", "a file", "below a file"])
def test_without_a_cache_folder_nothing_is_kept_and_nothing_fails(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    folders = {"none": None, "missing": Path("/proc/nowhere"), "a file": file, "below a file": file / "x"}
    cache, now = SkuCache(folders[kind]), SystemClock().now()
    cache.put("AzureCloud", "subscription", "westus", [], now=now)
    assert cache.get("AzureCloud", "subscription", "westus", now=now) is None
    assert file.read_text() == ""


@pytest.mark.parametrize("environ", HOMES)
def test_libraries_and_tools_find_a_home_and_a_name(environ: dict[str, str], nobody: None) -> None:
    """asyncssh ends with an error without either; `az` and k0sctl would take the current folder."""
    given = dict(environ)
    name_user(given)
    assert given == {"HOME": NO_HOME, "LOGNAME": str(os.getuid())}


def test_what_the_user_says_stays(nobody: None) -> None:
    given = {"HOME": "/home/ann", "USER": "ann"}
    name_user(given)
    assert given == {"HOME": "/home/ann", "USER": "ann"}


@pytest.mark.parametrize("name", ["~nobody-here/key", "~/key", "~"])
def test_a_tilde_that_leads_nowhere_is_no_crash(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Identities(environ={"K0RDENT_AZURE_AGE_IDENTITY": name}).files
    assert [file.trouble is not None for file in found] == [True]


@pytest.mark.parametrize(
    "environ",
    [
        {"COLUMNS": "²", "LINES": "²"},
        {"COLUMNS": "0", "TERM": "", "TZ": "garbage", "LC_ALL": "nowhere"},
        {"COLUMNS": "1", "FORCE_COLOR": "1", "TERM": "unknown"},
        {"PYTHONIOENCODING": "ascii:strict", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"},
    ],
    ids=str,
)
def test_the_status_is_shown_in_any_of_them(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "deployment-state.yaml").write_bytes(dump(complete()))
    words = [sys.executable, "-m", "k0rdent_azure", "-C", str(tmp_path), "status"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environ}
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) > 20
    assert max(map(len, lines)) > 60


@pytest.mark.parametrize(("told", "drawn"), [(0, 80), (1, 80), (19, 80), (20, 20), (132, 132)])
def test_a_terminal_too_narrow_for_anything_is_taken_for_a_usual_one(
    told: int, drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, told, 0, 0))
    with os.fdopen(writing, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert (width_instead(terminal) or told) == drawn
        assert told < 20 or width_instead(terminal) is None
        monkeypatch.setenv("COLUMNS", "100")
        assert width_instead(terminal) is None
        monkeypatch.undo()
    os.close(reading)
