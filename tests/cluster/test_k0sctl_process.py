"""How k0sctl is run: apart from us, never signalled, found again after our death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from k0rdent_azure.cluster.apply import K0sctl, Progress, finish_running, running
from k0rdent_azure.errors import ClusterError, PrerequisiteError

#: A k0sctl of our own making: it writes down how it was called, then does what a file beside it says.
FAKE = """
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
facts = {
    "argv": sys.argv[1:], "sid": os.getsid(0), "pid": os.getpid(), "stdin": sys.stdin.read(),
    "env": dict(os.environ), "sigint": str(signal.getsignal(signal.SIGINT)),
}
(here / "called.tmp").write_text(json.dumps(facts))
(here / "called.tmp").rename(here / "called.json")
exec((here / "behaviour.py").read_text())
"""
WAIT_FOR_GO = """
print('level=info msg="==> Running phase: Connect to hosts"', flush=True)
while not (here / "go").exists():
    time.sleep(0.02)
print('level=info msg="172.24.24.11:22: installing k0s controller"', flush=True)
"""


class Bench:
    """A folder with the fake k0sctl and everything that it is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "fake.py").write_text(FAKE)
        self.behave("")
        self.config, self.known_hosts = folder / "k0sctl.yaml", folder / "known_hosts"
        self.log = folder / "out" / "k0sctl.log"
        self.tool = K0sctl([sys.executable, str(folder / "fake.py")])
        self.seen: list[Progress] = []

    def behave(self, code: str) -> None:
        (self.folder / "behaviour.py").write_text(code)

    def go(self) -> None:
        (self.folder / "go").touch()

    def called(self) -> dict[str, object]:
        facts = json.loads((self.folder / "called.json").read_text())
        assert isinstance(facts, dict)
        return facts

    @property
    def env(self) -> dict[str, str]:
        found = self.called()["env"]
        assert isinstance(found, dict)
        return found

    async def apply(self) -> None:
        await self.tool.apply(
            self.config, known_hosts=self.known_hosts, log=self.log, on_progress=self.seen.append
        )

    async def started(self) -> None:
        await until((self.folder / "called.json").exists)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.go()


async def test_apply_is_called_apart_with_pinned_keys_and_without_an_agent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("SSH_KNOWN_HOSTS", "")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret")
    monkeypatch.setenv("DEBUG", "true")
    await bench.apply()
    facts = bench.called()
    assert facts["argv"] == ["apply", "--config", str(bench.config)]
    assert facts["sid"] == facts["pid"] != os.getsid(0)
    assert facts["stdin"] == ""
    assert bench.env["SSH_KNOWN_HOSTS"] == str(bench.known_hosts)
    assert (bench.env["DISABLE_TELEMETRY"], bench.env["DISABLE_UPGRADE_CHECK"]) == ("true", "true")
    assert {"SSH_AUTH_SOCK", "AZURE_CLIENT_SECRET", "DEBUG"}.isdisjoint(bench.env)
    assert bench.env["PATH"] == os.environ["PATH"]


async def test_without_pins_none_are_inherited(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty SSH_KNOWN_HOSTS makes k0sctl trust everybody."""
    monkeypatch.setenv("SSH_KNOWN_HOSTS", "")
    await bench.tool.version()
    assert "SSH_KNOWN_HOSTS" not in bench.env


async def test_progress_comes_while_it_works(bench: Bench) -> None:
    bench.behave(WAIT_FOR_GO)
    task = asyncio.ensure_future(bench.apply())
    await until(lambda: bool(bench.seen))
    assert [progress.phase for progress in bench.seen] == ["Connect to hosts"]
    assert not task.done()
    bench.go()
    await task
    assert bench.seen[1] == Progress("installing k0s controller", host="172.24.24.11")


async def test_the_log_is_for_its_owner_only_and_starts_anew(bench: Bench) -> None:
    bench.log.parent.mkdir()
    bench.log.write_text("old\n")
    bench.log.chmod(0o644)
    bench.behave("print('out'); print('err', file=sys.stderr)")
    await bench.apply()
    assert sorted(bench.log.read_text().split()) == ["err", "out"]
    assert stat.S_IMODE(bench.log.stat().st_mode) == 0o600
    lock = bench.log.with_name("k0sctl.log.lock")
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


async def test_a_failure_tells_the_cause_and_where_the_log_is(bench: Bench) -> None:
    bench.behave("print('level=fatal msg=\"no space on \\x1b[1mk0s-worker-1\"'); sys.exit(1)")
    with pytest.raises(ClusterError, match="ended with 1: no space on k0s-worker-1") as caught:
        await bench.apply()
    assert caught.value.hint is not None
    assert str(bench.log) in caught.value.hint


@pytest.mark.parametrize(
    ("told", "way"),
    [
        ("failed to download k0s: download failed: command failed: http 404 - not found", "change"),
        ("failed to download k0s - check connectivity and k0s version validity: http 503", "again"),
        ("worker did not join in time", "again"),
    ],
)
async def test_a_version_that_does_not_exist_is_found_by_no_further_run(
    bench: Bench, told: str, way: str
) -> None:
    bench.behave(f"print('level=fatal msg=\"{told}\"'); sys.exit(1)")
    with pytest.raises(ClusterError) as caught:
        await bench.apply()
    assert (caught.value.way, "software.k0s.version" in caught.value.places) == (way, way == "change")


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        (
            "10.0.0.4:22: attempt 60 of 60.. trying to obtain a lock on host: lock file",
            "another k0sctl works",
        ),
        ("failed to acquire exclusive host lock", "another k0sctl works"),
        (
            "failed to install k0s service: Init already exists: /etc/systemd/system/k0scontroller.service",
            "needs a new VM",
        ),
        ("an instance of k0s is already running", "needs a new VM"),
        ("clock skew on host", "the whole log"),
    ],
)
async def test_what_ends_a_failure_is_said(bench: Bench, told: str, hint: str) -> None:
    bench.behave(f"print('level=fatal msg=\"{told}\"'); sys.exit(1)")
    with pytest.raises(ClusterError) as caught:
        await bench.apply()
    assert hint in (caught.value.hint or "")
    assert str(bench.log) in (caught.value.hint or "")


async def test_cancelled_we_leave_it_at_work_and_find_it_again(bench: Bench) -> None:
    bench.behave(WAIT_FOR_GO)
    task = asyncio.ensure_future(bench.apply())
    await bench.started()
    assert running(bench.log)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert running(bench.log)

    said: list[str] = []
    waiting = asyncio.ensure_future(finish_running(bench.log, on_wait=said.append))
    await until(lambda: bool(said))
    assert not waiting.done()
    bench.go()
    await asyncio.wait_for(waiting, 20)
    assert not running(bench.log)
    assert "installing k0s controller" in bench.log.read_text()


async def test_it_outlives_our_sigkill_and_the_lock_tells(bench: Bench) -> None:
    bench.behave(WAIT_FOR_GO)
    script = (
        "import asyncio, sys; from pathlib import Path; from k0rdent_azure.cluster.apply import K0sctl\n"
        "tool, config, log = sys.argv[1:]\n"
        "asyncio.run(K0sctl([sys.executable, tool]).apply(Path(config), known_hosts=Path('k'),"
        " log=Path(log), on_progress=print))"
    )
    tool = str(bench.folder / "fake.py")
    words = [sys.executable, "-c", script, tool, str(bench.config), str(bench.log)]
    ours = subprocess.Popen(words)  # noqa: ASYNC220 - it is only started and killed
    await bench.started()
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert running(bench.log)
    bench.go()
    await until(lambda: not running(bench.log))
    assert "installing k0s controller" in bench.log.read_text()


async def test_ctrl_c_in_our_terminal_does_not_reach_it(bench: Bench) -> None:
    bench.behave(WAIT_FOR_GO)
    task = asyncio.ensure_future(bench.apply())
    await bench.started()
    assert os.getpgid(int(str(bench.called()["pid"]))) != os.getpgid(0)
    bench.go()
    await task


async def test_a_second_one_is_refused_and_leaves_the_firsts_log_alone(bench: Bench) -> None:
    bench.behave(WAIT_FOR_GO)
    first = asyncio.ensure_future(bench.apply())
    await until(lambda: bool(bench.seen))
    with pytest.raises(ClusterError, match="another k0sctl"):
        await Bench.apply(bench)
    assert "Connect to hosts" in bench.log.read_text()
    bench.go()
    await first


async def test_nothing_runs_where_nothing_ran(bench: Bench) -> None:
    assert not running(bench.log)
    await bench.apply()
    assert not running(bench.log)
    said: list[str] = []
    await finish_running(bench.log, on_wait=said.append)
    assert said == []


async def test_those_who_only_look_hinder_nobody(bench: Bench) -> None:
    await bench.apply()

    async def look() -> None:
        for _ in range(200):
            running(bench.log)
            await asyncio.sleep(0)

    await asyncio.gather(bench.apply(), look(), look())


async def test_the_version_is_one_line(bench: Bench) -> None:
    bench.behave("print('version: v0.32.2 (rehearsal stand-in)\\ncommit: abc')")
    assert await bench.tool.version() == "k0sctl v0.32.2 (rehearsal stand-in)"
    bench.behave("print('hello')")
    assert await bench.tool.version() == "k0sctl (unknown version)"


async def test_the_kubeconfig_is_returned_and_written_nowhere(bench: Bench) -> None:
    bench.behave("print('apiVersion: v1'); print('level=info msg=noise', file=sys.stderr)")
    before = sorted(bench.folder.rglob("*"))
    text = await bench.tool.kubeconfig(
        bench.config, known_hosts=bench.known_hosts, address="https://1.2.3.4:6443", cluster="c", user="u"
    )
    assert text == "apiVersion: v1\n"
    assert bench.called()["argv"] == [
        "kubeconfig", "--config", str(bench.config), "--address", "https://1.2.3.4:6443",
        "--cluster", "c", "--user", "u",
    ]  # fmt: skip
    assert set(bench.folder.rglob("*")) - set(before) == {bench.folder / "called.json"}


async def test_a_kubeconfig_that_fails_does_not_repeat_its_output(bench: Bench) -> None:
    bench.behave(
        "print('client-key-data: c2VjcmV0'); print('level=fatal msg=\"no leader\"', file=sys.stderr); sys.exit(1)"
    )
    with pytest.raises(ClusterError, match="k0sctl kubeconfig: no leader") as caught:
        await bench.tool.kubeconfig(
            bench.config, known_hosts=bench.known_hosts, address="a", cluster="c", user="u"
        )
    assert "c2VjcmV0" not in str(caught.value)


async def test_a_k0sctl_that_is_not_there_is_a_prerequisite(tmp_path: Path) -> None:
    tool = K0sctl([str(tmp_path / "k0sctl")])
    with pytest.raises(PrerequisiteError, match="No such file"):
        await tool.version()
    with pytest.raises(PrerequisiteError, match="No such file"):
        await tool.apply(
            tmp_path / "c", known_hosts=tmp_path / "k", log=tmp_path / "log", on_progress=lambda _: None
        )
    assert not running(tmp_path / "log")
