"""Runs k0sctl: in its own session, never signalled, its output in a file that progress is read from."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.errors import ClusterError, PrerequisiteError

#: Real seconds between two looks at k0sctl's log: progress for a person, not a poll of anything outside.
LOOK = 0.2
#: Real seconds for `version` and `kubeconfig`.
SHORT = 120.0

_MESSAGE = re.compile(r'level=(?P<level>\w+) msg="(?P<text>(?:[^"\\]|\\.)*)"')
_HOST = re.compile(r"^(?:\[ssh\] )?(?P<address>[0-9a-fA-F.:]+):(?P<port>\d+): (?P<text>.*)$")
_PHASE = re.compile(r"^==> Running phase: (?P<phase>.*)$")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
#: Long runs of base64 are keys, certificates or tokens; none of them helps to understand an error.
_SECRET = re.compile(r"[A-Za-z0-9+/_=-]{60,}")


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of k0sctl's log: a phase that begins, or what is being done on the host at `host`."""

    text: str
    phase: str | None = None
    host: str | None = None


class K0sctl:
    """The k0sctl at `argv`: the real one, or a stand-in that says so in `version`."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)

    async def version(self) -> str:
        """What it calls itself, on one line."""
        output = await self._output(["version"], known_hosts=None)
        match = re.search(r"^version: (.+)$", _clean(output), re.MULTILINE)
        return f"k0sctl {match[1].strip() if match else '(unknown version)'}"

    async def apply(
        self,
        config: Path,
        *,
        known_hosts: Path,
        log: Path,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Bring the cluster to what `config` says; a second run of the same changes nothing.

        Raises ClusterError with k0sctl's own last errors. A caller that is cancelled leaves k0sctl at work;
        `finish_running` finds it again.
        """
        process = self._start(["apply", "--config", str(config)], known_hosts, log)
        follower = _Follower(log)
        while process.poll() is None:
            await asyncio.sleep(LOOK)
            for progress in follower.new():
                on_progress(progress)
        for progress in follower.new():
            on_progress(progress)
        if process.returncode:
            raise ClusterError(
                f"k0sctl apply ended with {process.returncode}: {last_errors(log)}",
                hint=f"the whole log is {log}; mend the cause, then run resume",
            )

    async def finish_running(self, log: Path, *, on_wait: Callable[[str], None]) -> None:
        """Wait for a k0sctl that an earlier run left at work on this log, if there is one."""
        if not running(log):
            return
        on_wait("a k0sctl of an earlier run is still at work; waiting for it")
        while running(log):  # noqa: ASYNC110 - another process holds the lock; nothing here could set an event
            await asyncio.sleep(LOOK)

    async def kubeconfig(
        self, config: Path, *, known_hosts: Path, address: str, cluster: str, user: str
    ) -> str:
        """The admin kubeconfig's text. It is a secret: it goes to a 0600 file and nowhere else."""
        words = ["kubeconfig", "--config", str(config), "--address", address]
        return await self._output([*words, "--cluster", cluster, "--user", user], known_hosts=known_hosts)

    def _start(self, words: Sequence[str], known_hosts: Path, log: Path) -> subprocess.Popen[bytes]:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(_lock_path(log), os.O_RDWR | os.O_CREAT, 0o600)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return subprocess.Popen(
                [*self._argv, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(known_hosts),
                start_new_session=True,
                # The child keeps the lock open: it ends with the child, whatever happens to us.
                pass_fds=(lock,),
            )
        except BlockingIOError as error:
            raise ClusterError("another k0sctl is at work on this cluster", hint="wait for it") from error
        except OSError as error:
            raise PrerequisiteError(
                f"cannot start {self._argv[0]}: {error.strerror}", hint="see `k0rdent-azure doctor`"
            ) from error
        finally:
            os.close(lock)
            os.close(output)

    async def _output(self, words: Sequence[str], *, known_hosts: Path | None) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(known_hosts),
            )
        except OSError as error:
            raise PrerequisiteError(
                f"cannot start {self._argv[0]}: {error.strerror}", hint="see `k0rdent-azure doctor`"
            ) from error
        try:
            async with asyncio.timeout(SHORT):
                stdout, stderr = await process.communicate()
        except TimeoutError as error:
            process.kill()
            raise ClusterError(f"no end of `k0sctl {words[0]}` within {SHORT:.0f} s") from error
        if process.returncode:
            reason = _errors(stderr.decode(errors="replace")) or f"exit {process.returncode}"
            raise ClusterError(f"k0sctl {words[0]}: {reason}")
        return stdout.decode(errors="replace")


def running(log: Path) -> bool:
    """Whether a k0sctl still works on this log: its inherited lock lives exactly as long as it does."""
    try:
        descriptor = os.open(_lock_path(log), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def last_errors(log: Path) -> str:
    """The last error lines of a log, fit to be shown."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "no log"
    return _errors(text) or "see the log"


def _errors(text: str) -> str:
    clean = _clean(text)
    errors = [
        match["text"].replace('\\"', '"')
        for match in _MESSAGE.finditer(clean)
        if match["level"] in ("error", "fatal")
    ]
    lines = errors or [line for line in clean.splitlines() if line.strip()]
    return _SECRET.sub("…", "; ".join(dict.fromkeys(lines[-3:])))[:600]


class _Follower:
    """Reads what was added to a log since the last look, whole lines only."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0

    def new(self) -> list[Progress]:
        with self._log.open("rb") as stream:
            stream.seek(self._offset)
            added = stream.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = _clean(whole.decode(errors="replace")).splitlines()
        return [progress for line in lines if (progress := _progress(line)) is not None]


def _progress(line: str) -> Progress | None:
    match = _MESSAGE.search(line)
    if match is None or match["level"] not in ("info", "warning"):
        return None
    text = match["text"].replace('\\"', '"')
    phase = _PHASE.match(text)
    if phase is not None:
        return Progress(text, phase=phase["phase"])
    host = _HOST.match(text)
    return Progress(host["text"], host=host["address"]) if host is not None else None


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)


def _lock_path(log: Path) -> Path:
    return log.with_name(log.name + ".lock")


def _environment(known_hosts: Path | None) -> dict[str, str]:
    """Ours, with the pinned host keys, without an agent whose keys would be tried first."""
    environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
    environment |= {"DISABLE_TELEMETRY": "true", "DISABLE_UPGRADE_CHECK": "true", "NO_COLOR": "1"}
    if known_hosts is not None:
        environment["SSH_KNOWN_HOSTS"] = str(known_hosts)
    return environment
