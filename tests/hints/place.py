"""Where a situation happens: one workspace with an awkward name, what the product said there, and what was typed."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from k0rdent_azure.cli.main import main
from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.arm import conscience
from tests.e2e.conftest import HUNG, SPEED, Result
from tests.hints.commands import PROGRAM, foreign_commands, product_commands

#: A folder that only a well quoted command reaches.
AWKWARD = 'it\'s a "place" $HOME'
#: How refusals of the command line itself begin; `recover` without a source lists copies and ends with 2, too.
_USAGE = re.compile(r"^usage:|unrecognized arguments|invalid choice|not confirmed", re.MULTILINE)


@dataclass
class Place:
    """A workspace, and a shell that stands in another folder."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    #: What the product said, and the command line that made it say so.
    said: str = ""
    asked: tuple[str, ...] = ()
    #: All that it said, with the commands as the source has them: without the workspace.
    heard: str = ""

    @property
    def workspace(self) -> Path:
        return self.root / AWKWARD

    @property
    def python(self) -> str:
        """The folder of this Python, which the program is in, too."""
        return str(Path(sys.executable).parent)

    @property
    def state(self) -> Path:
        return self.workspace / "deployment-state.yaml"

    @property
    def env(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("K0RDENT_", "AZURE_"))}
        own = {
            "PATH": f"{self.python}{os.pathsep}{os.environ['PATH']}",
            "K0RDENT_AZURE_REHEARSAL_SPEED": SPEED,
            "HOME": str(self.root / "home"),
            conscience.VARIABLE: os.environ[conscience.VARIABLE],
        }
        return inherited | own | self.environ

    def run(self, *words: str) -> Result:
        """One command in the workspace, in this process: quicker than one of its own."""
        out, err = _stream(), _stream()
        with (
            chdir(self.root),
            mock.patch.dict(os.environ, self.env, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                code = main(["-C", str(self.workspace), *words])
            except SystemExit as end:
                code = int(end.code or 0)
        return Result(code, _written(out), _written(err))

    def tell(self, *words: str, expect: int) -> str:
        """The command that makes the situation show: what it says is what `follow` reads."""
        return self._heard(self.run(*words), words, expect)

    def hear(self, command: str, *, expect: int) -> str:
        """As `tell`, of what was typed at a shell."""
        return self._heard(self._shell(command), (command,), expect)

    def _heard(self, told: Result, words: tuple[str, ...], expect: int) -> str:
        assert told.code == expect, f"{words}: exit {told.code}\n{told.out}\n{told.err}"
        self.said, self.asked = told.out + told.err, words
        self._remember(self.said)
        return self.said

    def _remember(self, said: str) -> None:
        self.heard += said.replace(f"{PROGRAM} -C {shlex.quote(str(self.workspace))}", PROGRAM)

    def follow(
        self, words: str, *, fills: Mapping[str, str] | None = None, more: Sequence[str] = (), expect: int = 0
    ) -> str:
        """Type what the product said to type: the command that begins with `words`; returns what that says.

        `fills` are what a reader puts in for NAME and the like, `more` what a script adds (`--yes`).
        """
        command = self._offered(words)
        for name, value in (fills or {}).items():
            assert re.search(rf"\b{name}\b", command), f"{command} has no {name}"
            command = command.replace(name, shlex.quote(value))
        done = self._shell(f"{command} {shlex.join(more)}")
        said = done.out + done.err
        assert not _USAGE.search(done.err), f"refused: {command}\n{said}"
        assert done.code == expect, f"{command}: exit {done.code}, not {expect}\n{said}"
        self._remember(said)
        return said

    def accepts(self, words: str) -> None:
        """What the product said to type is well formed; that it helps, another situation shows."""
        self._offered(words)

    def short(self, words: str, *, more: Sequence[str] = (), expect: int = 0) -> str:
        """As `follow`, of a command that is named without the program (`run resume`)."""
        assert re.search(rf"(?:run |then |`){re.escape(words)}\b", self.said), f"no {words!r} in: {self.said}"
        done = self.run(*shlex.split(words), *more)
        assert not _USAGE.search(done.err), done.err
        assert done.code == expect, f"{words}: exit {done.code}, not {expect}\n{done.out}{done.err}"
        return done.out + done.err

    def cured(self, *complaints: str, expect: int = 0, more: Sequence[str] = ()) -> str:
        """The command that showed the situation does what it is for, and says none of the `complaints`."""
        again = self.run(*self.asked, *more)
        assert again.code == expect, f"{self.asked}: exit {again.code}, not {expect}\n{again.out}{again.err}"
        for complaint in complaints:
            assert complaint in self.said, f"{complaint!r} was never said: {self.said}"
            assert complaint not in again.out + again.err
        return again.out + again.err

    def _offered(self, words: str) -> str:
        first = words.partition(" ")[0]
        offered = [*product_commands(self.said), *foreign_commands(self.said)]
        for command in offered:
            if command.startswith(f"{words} ") or command == words:
                return command
            parts = shlex.split(command)
            if parts[0] == PROGRAM and first != PROGRAM:
                if parts[1:] == shlex.split(words) and parts[-1] == "--help":
                    return command
                assert parts[1:3] == ["-C", str(self.workspace)], f"goes to another workspace: {command}"
                if parts[3:][: len(shlex.split(words))] == shlex.split(words):
                    return command
        raise AssertionError(f"{words!r} is not among {offered}, in:\n{self.said}")

    def _shell(self, command: str) -> Result:
        done = subprocess.run(
            ["sh", "-c", command],
            env=self.env,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=HUNG,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """End its cloud, if it has one."""
        service.stop(self.workspace / ".rehearsal")


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def copy(source: Path, root: Path) -> Place:
    """A place that begins with what another one has."""
    shutil.copytree(source, root / AWKWARD, symlinks=True)
    return Place(root)
