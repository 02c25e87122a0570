"""The run lock: one at a time, named, and gone with its process however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from k0rdent_azure.errors import LockedError
from k0rdent_azure.state.lock import RunLock

HOLD = (
    "import sys, signal; from pathlib import Path; from k0rdent_azure.state.lock import RunLock\n"
    "RunLock(Path(sys.argv[1])).acquire('deploy'); print('held', flush=True); signal.pause()"
)


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "run.lock")
    assert lock.holder() is None
    with lock.acquire("deploy"):
        holder = RunLock(tmp_path / "run.lock").holder()
        assert holder is not None
        assert (holder.command, holder.pid) == ("deploy", os.getpid())
        with pytest.raises(LockedError) as raised:
            RunLock(tmp_path / "run.lock").acquire("resume")
        assert f"process {os.getpid()}" in raised.value.message
        assert "`deploy`" in raised.value.message
    assert lock.holder() is None
    RunLock(tmp_path / "run.lock").acquire("resume").release()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    holder = RunLock(path).holder()
    assert holder is not None
    assert holder.pid == process.pid
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert RunLock(path).holder() is None
    RunLock(path).acquire("resume").release()
