"""Few files, no temporary folder, a terminal that goes away: told before anything begins, or lived through."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.cli import running
from k0rdent_azure.cli.main import main
from k0rdent_azure.descriptors import needed_for, provide, raise_limit
from k0rdent_azure.errors import PrerequisiteError, TerminatedRunError
from k0rdent_azure.hosts.local_command import execute
from k0rdent_azure.phases.interrupt import Interrupt
from k0rdent_azure.report.progress import Progress
from tests.e2e.conftest import Product
from tests.e2e.conftest import product as product  # noqa: PLC0414  the fixture

NOFILE = resource.RLIMIT_NOFILE


@pytest.fixture(autouse=True)
def _same_limit() -> Iterator[None]:
    kept = resource.getrlimit(NOFILE)
    yield
    resource.setrlimit(NOFILE, kept)


def test_the_soft_limit_is_raised_to_what_is_needed() -> None:
    _, hard = resource.getrlimit(NOFILE)
    resource.setrlimit(NOFILE, (200, hard))
    provide(needed_for(5))
    assert resource.getrlimit(NOFILE)[0] == 200
    provide(needed_for(260))
    assert needed_for(260) <= resource.getrlimit(NOFILE)[0] <= hard


@pytest.mark.parametrize(
    ("limits", "most", "allowed"),
    [
        ((256, 300), 10**6, 300),
        ((256, resource.RLIM_INFINITY), 2000, 1104),
        ((256, resource.RLIM_INFINITY), 100, 256),
    ],
    ids=["a low hard limit", "macOS allows less than it says", "nothing can be raised"],
)
def test_what_the_system_allows_is_taken(
    limits: tuple[int, int], most: int, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def setrlimit(_kind: int, wanted: tuple[int, int]) -> None:
        if wanted[0] > most:
            raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert raise_limit(needed_for(260)) == allowed
    if allowed < needed_for(260):
        with pytest.raises(PrerequisiteError, match=f"1104 files .* {allowed} are allowed") as refused:
            provide(needed_for(260))
        assert "1104" in (refused.value.hint or "")
    else:
        provide(needed_for(260))


def test_no_limit_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    provide(10**9)


def test_too_few_files_are_told_before_anything_is_written(product: Product) -> None:
    """With a hard limit of 20, hosts would seem not to answer, and the state could not be written."""
    product.init("minimal")
    before = {path.name for path in product.workspace.iterdir()}
    line = f"ulimit -n 40; exec {' '.join(product.argv('deploy', '--yes'))}"
    done = subprocess.run(
        ["bash", "-c", line], env=product.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 9, done.stderr
    assert "40 are allowed" in done.stderr
    assert {path.name for path in product.workspace.iterdir()} - before <= {".deployment-state.yaml.run.lock"}


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOSPC, errno.EROFS, errno.ENFILE])
def test_what_the_system_refuses_has_a_hint(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code), "/some/file")

    monkeypatch.setattr("k0rdent_azure.cli.status.run", refuse)
    assert main(["-C", str(tmp_path), "status"]) == 1
    told = capsys.readouterr().err
    assert f"/some/file: {os.strerror(code)}" in told
    assert "hint: " in told


@pytest.mark.parametrize("folder", ["missing", "a file"])
async def test_without_a_temporary_folder_a_local_command_is_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / folder))
    with pytest.raises(PrerequisiteError) as refused:
        await execute([sys.executable, "-c", ""], 10)
    assert "TMPDIR" in (refused.value.hint or "")


@pytest.mark.parametrize("ignored", [False, True], ids=["a terminal", "nohup"])
async def test_a_terminal_that_goes_away_ends_a_run_at_the_next_safe_point(ignored: bool) -> None:
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    interrupt, loop = Interrupt(), asyncio.get_running_loop()
    task = asyncio.ensure_future(asyncio.Event().wait())
    try:
        running._handle_signals(task, interrupt, Progress(quiet=True))  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        if ignored:
            # Of the two, only this one is for us.
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(interrupt._asked.wait(), 10)
        assert isinstance(interrupt.error(), TerminatedRunError) is not ignored
        # Shells and terminals send it more than once.
        assert not task.cancelled()
    finally:
        task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, kept)
