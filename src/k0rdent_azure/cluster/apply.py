"""Runs k0sctl: in its own session, never signalled, its output in a file that progress is read from."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from k0rdent_azure.cluster.k0sctl_log import Follower, Progress, errors_in, last_errors
from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import ClusterError, PrerequisiteError
from k0rdent_azure.hosts.command import printable
from k0rdent_azure.state.files import SYSTEM, give, open_lock, open_present_lock
from k0rdent_azure.state.inside import folder_of, remove

__all__ = ["K0sctl", "Progress", "last_errors", "running"]

#: Real seconds between two looks at k0sctl's log: progress for a person, not a poll of anything outside.
LOOK = 0.2
_NEW_LOG = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND
#: Real seconds for `version` and `kubeconfig`.
SHORT = 120.0
#: How often a lock is tried that somebody who only looks (`running`) may hold for a moment.
LOCK_TRIES = 20
#: What of our environment is no business of k0sctl: an agent's keys would be tried before ours.
WITHHELD = (
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "DEBUG",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
)


#: How k0sctl says that there is no k0s of that version to download.
_NO_SUCH_VERSION = re.compile(r"download\b.{0,200}\b404\b", re.IGNORECASE | re.DOTALL)

#: How it says that it waits for another one's lock on a host.
_LOCKED = re.compile(
    r"\block\b.{0,80}\b(?:host|held|file|exists|obtain|acquire)|(?:obtain|acquire)\w*.{0,40}\block\b"
)
#: How k0s says that an earlier installation of it is in the way of this one.
_HALF_INSTALLED = re.compile(
    r"\bInit already exists\b|service already exists|instance of k0s is already running"
)


def _failed(code: int, log: Path) -> ClusterError:
    """Why an apply ended, in k0sctl's own words, and what ends that if another run does not."""
    told, rest = last_errors(log), f"the whole log is {log}"
    message = f"k0sctl apply ended with {code}: {told}"
    if _NO_SUCH_VERSION.search(told):
        hint = f"the VMs find no such version of k0s; {rest}"
        return ClusterError(message, hint=hint, way="change", places=("software.k0s.version",))
    if _LOCKED.search(told):
        return ClusterError(
            message,
            hint=f"another k0sctl works on these hosts, or one was killed on them less than a minute ago; {rest}",
        )
    if _HALF_INSTALLED.search(told):
        hint = f"k0s is half installed on that host, which needs a new VM; {rest}"
        return ClusterError(message, hint=hint, way="replace")
    return ClusterError(message, hint=rest)


class K0sctl:
    """The k0sctl at `argv`: the real one, or a stand-in that says so in `version`."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)

    async def version(self) -> str:
        """What it calls itself, on one line."""
        output = await self._output(["version"], known_hosts=None)
        match = re.search(r"^version: (.+)$", printable(output), re.MULTILINE)
        return f"k0sctl {match[1].strip()[:80] if match else '(unknown version)'}"

    async def apply(
        self,
        config: Path,
        *,
        known_hosts: Path,
        log: Path,
        on_progress: Callable[[Progress], None],
    ) -> None:
        """Bring the cluster to what `config` says; a second run of the same changes nothing.

        Raises ClusterError with k0sctl's own last errors, PrerequisiteError where it cannot be started. A
        caller that is cancelled leaves k0sctl at work; `finish_running` finds it again.
        """
        process = await self._start_when_free(["apply", "--config", str(config)], known_hosts, log)
        follower = Follower(log)
        while process.poll() is None:
            await asyncio.sleep(LOOK)
            for progress in follower.new():
                on_progress(progress)
        for progress in follower.new():
            on_progress(progress)
        if process.returncode:
            raise _failed(process.returncode, log)

    async def kubeconfig(
        self, config: Path, *, known_hosts: Path, address: str, cluster: str, user: str
    ) -> str:
        """The admin kubeconfig's text. It is a secret: it goes to a 0600 file and nowhere else.

        Raises ClusterError, PrerequisiteError.
        """
        words = ["kubeconfig", "--config", str(config), "--address", address]
        return await self._output([*words, "--cluster", cluster, "--user", user], known_hosts=known_hosts)

    async def _start_when_free(
        self, words: Sequence[str], known_hosts: Path, log: Path
    ) -> subprocess.Popen[bytes]:
        for _ in range(LOCK_TRIES):
            with suppress(BlockingIOError):
                return self._start(words, known_hosts, log)
            await asyncio.sleep(LOOK / 10)
        raise ClusterError(
            "another k0sctl is at work on this cluster", hint="the next run waits until that one ends"
        )

    def _start(self, words: Sequence[str], known_hosts: Path, log: Path) -> subprocess.Popen[bytes]:
        """Raises BlockingIOError where another one holds the lock; its log is not touched then."""
        with folder_of(log.parent.parent, log, make=True) as folder:
            return self._start_in(folder, words, known_hosts, log)

    def _start_in(
        self, folder: int, words: Sequence[str], known_hosts: Path, log: Path
    ) -> subprocess.Popen[bytes]:
        """`folder` is the opened folder of the log."""
        lock = _open_lock(log)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A new file, never the old one cut: that one may have other permissions or be a link.
            remove(folder, log.name)
            output = os.open(log.name, _NEW_LOG, 0o600, dir_fd=folder)
            try:
                give(SYSTEM, output, like=[str(log.parent)])
                return self._spawn(words, known_hosts, output, lock)
            finally:
                os.close(output)
        finally:
            os.close(lock)

    def _spawn(
        self, words: Sequence[str], known_hosts: Path, output: int, lock: int
    ) -> subprocess.Popen[bytes]:
        try:
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
        except OSError as error:
            raise self._cannot_start(error) from error

    async def _output(self, words: Sequence[str], *, known_hosts: Path | None) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(known_hosts),
                # The terminal's Ctrl-C is for us: we decide what it means.
                start_new_session=True,
            )
        except OSError as error:
            raise self._cannot_start(error) from error
        try:
            async with asyncio.timeout(SHORT):
                stdout, stderr = await process.communicate()
        except TimeoutError as error:
            raise ClusterError(f"no end of `k0sctl {words[0]}` within {SHORT:.0f} s") from error
        finally:
            # These only read; ended early they leave nothing half done.
            with suppress(ProcessLookupError):
                if process.returncode is None:
                    process.kill()
        if process.returncode:
            reason = errors_in(stderr.decode(errors="replace")) or f"exit {process.returncode}"
            raise ClusterError(f"k0sctl {words[0]}: {reason}", hint="fix the cause")
        return stdout.decode(errors="replace")

    def _cannot_start(self, error: OSError) -> PrerequisiteError:
        return PrerequisiteError(
            f"cannot start {self._argv[0]}: {error.strerror}", hint="see `k0rdent-azure doctor`"
        )


async def finish_running(log: Path, *, on_wait: Callable[[str], None]) -> None:
    """Wait for a k0sctl that an earlier run left at work on this log, if there is one."""
    if not running(log):
        return
    on_wait("a k0sctl of an earlier run is still at work; waiting for it")
    while running(log):  # noqa: ASYNC110 - another process holds the lock; nothing here could set an event
        await asyncio.sleep(LOOK)


def running(log: Path) -> bool:
    """Whether a k0sctl still works on this log: its inherited lock lives exactly as long as it does."""
    try:
        descriptor = open_present_lock(SYSTEM, str(_lock_path(log)))
    except OSError:
        return False
    try:
        # Shared: those who only look do not get into each other's way.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open_lock(log: Path) -> int:
    path = _lock_path(log)
    try:
        return open_lock(SYSTEM, str(path), like=[str(log.parent)])
    except OSError as error:
        raise PrerequisiteError(
            f"cannot open {path}: {error.strerror}",
            hint=f"remove it: rm {shell_word(str(path))}",
        ) from error


def _lock_path(log: Path) -> Path:
    return log.with_name(log.name + ".lock")


def _environment(known_hosts: Path | None) -> dict[str, str]:
    """Ours without what is withheld, with the pinned host keys; nothing is sent home, nothing coloured."""
    environment = {key: value for key, value in os.environ.items() if key not in WITHHELD}
    environment |= {"DISABLE_TELEMETRY": "true", "DISABLE_UPGRADE_CHECK": "true", "NO_COLOR": "1"}
    # An empty SSH_KNOWN_HOSTS would mean "trust everybody".
    environment.pop("SSH_KNOWN_HOSTS", None)
    if known_hosts is not None:
        environment["SSH_KNOWN_HOSTS"] = str(known_hosts)
    return environment
