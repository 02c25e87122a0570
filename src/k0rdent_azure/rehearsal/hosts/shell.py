"""Runs a parsed shell script against a table of simulated commands. Nothing here touches this machine.

A command is a coroutine over a `Process` (argv, environment, three streams) that returns its exit status.
Standard input is read only by commands that want it: a client may hold it open for as long as it likes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from k0rdent_azure.rehearsal.hosts.files import FileFault, Files
from k0rdent_azure.rehearsal.hosts.shell_syntax import (
    AndOr,
    Group,
    Literal,
    Parameter,
    Pipeline,
    Redirection,
    Script,
    ShellSyntaxError,
    Simple,
    Substitution,
    Word,
    parse,
)


class Input(Protocol):
    """Standard input, read whole and at most once."""

    async def read(self) -> bytes:
        """Everything up to the end of the stream."""


@dataclass
class Bytes:
    """Input that is known already (the left side of a pipe, a file)."""

    data: bytes = b""

    async def read(self) -> bytes:
        return self.data


class Exit(Exception):  # noqa: N818  (a request to leave, as SystemExit is)
    """`exit N` was run."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Process:
    """One running command. `user` is `root` under sudo."""

    argv: list[str]
    environment: dict[str, str]
    stdin: Input
    stdout: bytearray
    stderr: bytearray
    user: str
    shell: Shell
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.argv[0].rsplit("/", 1)[-1]

    def out(self, text: str) -> int:
        """Writes to standard output; returns 0, the status of most commands that print."""
        self.stdout += text.encode("utf-8", "surrogateescape")
        return 0

    def fail(self, text: str, status: int = 1) -> int:
        """Writes a line to standard error; returns `status`."""
        self.stderr += text.encode("utf-8", "surrogateescape") + b"\n"
        return status


Command = Callable[[Process], Awaitable[int]]


@dataclass(frozen=True)
class Result:
    status: int
    stdout: bytes
    stderr: bytes


@dataclass
class Shell:
    """One host's shell. `find` gives the command behind a path or a name, or None."""

    files: Files
    commands: Mapping[str, Command]
    find: Callable[[Process], Command | None] = field(default=lambda _process: None)

    async def run(
        self, text: str, *, user: str, environment: Mapping[str, str], stdin: Input | None = None
    ) -> Result:
        """Runs `text` as a login shell's `-c` would."""
        process = Process([], dict(environment), stdin or Bytes(), bytearray(), bytearray(), user, self)
        status = await self.evaluate(text, process)
        return Result(status, bytes(process.stdout), bytes(process.stderr))

    async def evaluate(self, text: str, process: Process) -> int:
        """Runs `text` with the streams and environment of `process`."""
        try:
            return await self._script(parse(text), process)
        except ShellSyntaxError as error:
            return process.fail(f"sh: 1: Syntax error: {error}", 2)
        except Exit as leave:
            return leave.status

    async def execute(self, process: Process) -> int:
        """Runs the command that `process.argv` names."""
        command = self.resolve(process)
        if command is None:
            missing = "No such file or directory" if "/" in process.argv[0] else "command not found"
            return process.fail(f"sh: 1: {process.argv[0]}: {missing}", 127)
        try:
            return await command(process)
        except FileFault as fault:
            return process.fail(f"{process.name}: {fault}")
        except (ValueError, LookupError):  # words where a number or one more operand belongs
            return process.fail(f"{process.name}: invalid arguments", 2)

    def resolve(self, process: Process) -> Command | None:
        found = self.find(process)
        if found is not None:
            return found
        name = process.argv[0]
        folder, _, base = name.rpartition("/")
        if folder and folder not in {"/bin", "/usr/bin", "/sbin", "/usr/sbin"}:
            return None
        return self.commands.get(base)

    async def _script(self, script: Script, process: Process) -> int:
        status = 0
        for item in script:
            status = await self._and_or(item, process)
        return status

    async def _and_or(self, item: AndOr, process: Process) -> int:
        status = 0
        for operator, pipeline in item.steps:
            if (operator == "&&" and status != 0) or (operator == "||" and status == 0):
                continue
            status = await self._pipeline(pipeline, process)
            process.environment["?"] = str(status)
        return status

    async def _pipeline(self, pipeline: Pipeline, process: Process) -> int:
        status, stdin = 0, process.stdin
        last = len(pipeline.commands) - 1
        for index, command in enumerate(pipeline.commands):
            stage = replace(process, stdin=stdin)
            if index < last:
                stage.stdout = bytearray()
            if last:
                stage.environment = dict(process.environment)
            status = await self._command(command, stage)
            stdin = Bytes(bytes(stage.stdout))
        return int(status == 0) if pipeline.negated else status

    async def _command(self, command: Simple | Group, process: Process) -> int:
        process = replace(process)
        try:
            finish = await self._redirect(command.redirections, process)
        except FileFault as fault:
            return process.fail(f"sh: 1: {fault}", 2)
        if isinstance(command, Group):
            status = await self._group(command, process)
        else:
            status = await self._simple(command, process)
        for path, append, data in finish:
            self.files.write(path, bytes(data), user=process.user, append=append)
        return status

    async def _group(self, group: Group, process: Process) -> int:
        if not group.subshell:
            return await self._script(group.body, process)
        try:
            return await self._script(group.body, replace(process, environment=dict(process.environment)))
        except Exit as leave:
            return leave.status

    async def _redirect(
        self, redirections: Iterable[Redirection], process: Process
    ) -> list[tuple[str, bool, bytearray]]:
        """Points the streams of `process` elsewhere; returns what must be stored when it ends."""
        finish: list[tuple[str, bool, bytearray]] = []
        for redirection in redirections:
            target = "".join(await self._expand(redirection.target, process))
            if redirection.operator == "<":
                process.stdin = Bytes(self.files.read(target, user=process.user))
                continue
            if redirection.operator == ">&":
                buffer = process.stdout if target == "1" else process.stderr
            else:
                buffer = bytearray()
                append = redirection.operator == ">>"
                if target != "/dev/null":
                    self.files.write(target, b"", user=process.user, append=append)
                    finish.append((target, True, buffer))
            if redirection.descriptor == 2:
                process.stderr = buffer
            else:
                process.stdout = buffer
        return finish

    async def _simple(self, command: Simple, process: Process) -> int:
        values = {name: " ".join(await self._expand(word, process)) for name, word in command.assignments}
        argv = [text for word in command.words for text in await self._expand(word, process)]
        if not argv:
            process.environment.update(values)
            return 0
        environment = process.environment if not values else {**process.environment, **values}
        return await self.execute(replace(process, argv=argv, environment=environment))

    async def _expand(self, word: Word, process: Process) -> list[str]:
        """The fields of a word: quoted parts stay whole, unquoted expansions split at blanks."""
        fields: list[str] = []
        current: str | None = None
        for part in word:
            text = part.text if isinstance(part, Literal) else await self._value(part, process)
            if isinstance(part, Literal) or part.quoted:
                current = (current or "") + text
                continue
            pieces = text.split()
            if not pieces:
                continue
            if text[0].isspace() and current is not None:
                fields.append(current)
                current = None
            fields += [(current or "") + pieces[0], *pieces[1:]]
            current = None if text[-1].isspace() else fields.pop()
        return fields if current is None else [*fields, current]

    async def _value(self, part: Parameter | Substitution, process: Process) -> str:
        if isinstance(part, Substitution):
            inner = replace(process, stdout=bytearray(), environment=dict(process.environment))
            await self._script(part.script, inner)
            return inner.stdout.decode("utf-8", "surrogateescape").rstrip("\n")
        if part.name.isdigit():
            index = int(part.name)
            value = process.arguments[index] if index < len(process.arguments) else None
        else:
            value = process.environment.get(part.name)
        if part.fallback is not None and (value is None or (part.when_empty and not value)):
            return " ".join(await self._expand(part.fallback, process))
        return value or ""
