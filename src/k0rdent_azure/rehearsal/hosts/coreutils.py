"""The text and shell commands of a simulated host: `echo`, `cat`, `grep`, `test`, `sudo`, `sh`, `env`, …

Each follows POSIX or GNU coreutils as far as deployment tools use it; unknown options are refused, not
ignored, so that a rehearsal never says yes to something that it did not do.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from k0rdent_azure.rehearsal.hosts.files import FileFault
from k0rdent_azure.rehearsal.hosts.shell import Command, Exit, Process


def options(
    process: Process, flags: str, valued: str = "", long: tuple[str, ...] = ()
) -> tuple[dict[str, str], list[str]]:
    """POSIX option parsing: single letters, those in `valued` take a value; `--` ends them.

    The words in `long` (`--connect-timeout`) take a value too.

    Raises FileFault with the tool's own wording for an unknown option.
    """
    found: dict[str, str] = {}
    rest = list(process.argv[1:])
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word in long:
            found[word] = rest.pop(0) if rest else ""
            continue
        for index, letter in enumerate(word[1:], start=1):
            if letter in valued:
                found[letter] = word[index + 1 :] or (rest.pop(0) if rest else "")
                break
            if letter not in flags:
                raise FileFault(f"invalid option -- '{letter}'")
            found[letter] = ""
    return found, rest


async def _true(_process: Process) -> int:
    return 0


async def _false(_process: Process) -> int:
    return 1


async def _echo(process: Process) -> int:
    words = process.argv[1:]
    newline = "\n"
    if words and words[0] == "-n":
        words, newline = words[1:], ""
    return process.out(" ".join(words) + newline)


async def _printf(process: Process) -> int:
    if len(process.argv) < 2:
        return process.fail("printf: missing operand", 2)
    template = process.argv[1].encode().decode("unicode_escape")
    values = process.argv[2:]
    wanted = len(re.findall(r"%[sd]", template))
    while True:
        taken, values = iter(values[:wanted]), values[wanted:]
        process.out(_format(template, taken))
        if not values or not wanted:
            return 0


def _format(template: str, values: Iterator[str]) -> str:
    return re.sub(r"%([sd%])", lambda match: "%" if match[1] == "%" else next(values, ""), template)


async def _cat(process: Process) -> int:
    _, names = options(process, "")
    status = 0
    for name in names or ["-"]:
        try:
            from_input = name in {"-", "/dev/stdin"}
            process.stdout += (
                await process.stdin.read()
                if from_input
                else process.shell.files.read(name, user=process.user)
            )
        except FileFault as fault:
            status = process.fail(f"cat: {fault}")
    return status


async def _lines(process: Process, names: list[str]) -> list[str]:
    data = b"".join([process.shell.files.read(name, user=process.user) for name in names if name != "-"])
    if not names or "-" in names:
        data += await process.stdin.read()
    return data.decode("utf-8", "surrogateescape").splitlines()


def _from_basic(pattern: str) -> str:
    """A POSIX basic regular expression as Python's: `(`, `{`, `+`, `?` and `|` are plain unless escaped."""
    return re.sub(
        r"\\?[(){}+?|]", lambda match: match[0][1:] if len(match[0]) == 2 else "\\" + match[0], pattern
    )


async def _grep(process: Process) -> int:
    found, rest = options(process, "qFEivnos", "em")
    pattern = found["e"] if "e" in found else rest.pop(0) if rest else ""
    if "F" in found:
        pattern = re.escape(pattern)
    elif "E" not in found:
        pattern = _from_basic(pattern)
    expression = re.compile(pattern, re.IGNORECASE if "i" in found else re.NOFLAG)
    try:
        lines = await _lines(process, rest)
    except FileFault as fault:
        return 2 if "s" in found else process.fail(f"grep: {fault}", 2)
    matching = [line for line in lines if bool(expression.search(line)) != ("v" in found)]
    if "m" in found:
        matching = matching[: int(found["m"])]
    if "q" not in found:
        process.out("".join(f"{line}\n" for line in matching))
    return 0 if matching else 1


async def _cut(process: Process) -> int:
    found, names = options(process, "s", "df")
    separator = found.get("d", "\t")
    first, _, last = found.get("f", "1").partition("-")
    for line in await _lines(process, names):
        fields = line.split(separator)
        end = (int(last) if last else len(fields)) if "-" in found.get("f", "1") else int(first)
        process.out(separator.join(fields[int(first or 1) - 1 : end] if len(fields) > 1 else fields) + "\n")
    return 0


async def _head_tail(process: Process) -> int:
    found, names = options(process, "", "n")
    count = int(found.get("n", "10"))
    lines = await _lines(process, names)
    chosen = lines[:count] if process.name == "head" else lines[-count:] if count else []
    return process.out("".join(f"{line}\n" for line in chosen))


async def _wc(process: Process) -> int:
    found, names = options(process, "lcw")
    lines = await _lines(process, names)
    size = len(lines) if "l" in found else sum(len(line) + 1 for line in lines)
    return process.out(f"{size}\n")


async def _tr(process: Process) -> int:
    found, sets = options(process, "d")
    text = (await process.stdin.read()).decode("utf-8", "surrogateescape")
    first = sets[0].encode().decode("unicode_escape")
    if "d" in found:
        return process.out("".join(letter for letter in text if letter not in first))
    second = sets[1].encode().decode("unicode_escape")
    return process.out(text.translate(str.maketrans(first, second.ljust(len(first), second[-1]))))


async def _tee(process: Process) -> int:
    found, names = options(process, "a")
    data = await process.stdin.read()
    process.stdout += data
    for name in names:
        process.shell.files.write(name, data, user=process.user, append="a" in found)
    return 0


async def _sha256sum(process: Process) -> int:
    _, names = options(process, "b")
    for name in names:
        digest = hashlib.sha256(process.shell.files.read(name, user=process.user)).hexdigest()
        process.out(f"{digest} *{name}\n")
    return 0


_STRING_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "-eq": lambda left, right: int(left) == int(right),
    "-ne": lambda left, right: int(left) != int(right),
}


async def _test(process: Process) -> int:
    words = process.argv[1:]
    if process.name == "[" and (not words or words.pop() != "]"):
        return process.fail("[: missing ']'", 2)
    if words[:1] == ["!"]:
        process = replace(process, argv=["test", *words[1:]])
        return int(await _test(process) == 0)
    if len(words) == 3 and words[1] == "--":  # `test -e -- PATH`, as GNU's accepts it
        words = [words[0], words[2]]
    if len(words) == 3 and words[1] in _STRING_TESTS:
        return int(not _STRING_TESTS[words[1]](words[0], words[2]))
    if len(words) == 2:
        return int(not _unary(process, words[0], words[1]))
    return int(not (len(words) == 1 and words[0]))


def _unary(process: Process, operator: str, value: str) -> bool:
    if operator in {"-n", "-z"}:
        return bool(value) == (operator == "-n")
    entry = process.shell.files.get(value)
    if entry is None:
        return False
    size = len(entry.content or b"")
    return {
        "-f": not entry.directory,
        "-d": entry.directory,
        "-s": size > 0,
        "-x": entry.directory or bool(entry.mode & 0o111),
    }.get(operator, operator in {"-e", "-r", "-w"})


async def _sudo(process: Process) -> int:
    """Every user of these hosts may become root without a password, as Azure's admin user may."""
    words = process.argv[1:]
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if word not in {"-n", "-E", "-H", "-S", "-k"}:
            return process.fail(f"sudo: invalid option '{word}'")
    environment = {**process.environment, "USER": "root", "HOME": "/root", "SUDO_USER": process.user}
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if not words:
        return 0
    inner = replace(process, argv=words, environment=environment, user="root")
    if process.shell.resolve(inner) is None:
        return process.fail(f"sudo: {words[0]}: command not found")
    return await process.shell.execute(inner)


async def _sh(process: Process) -> int:
    words = process.argv[1:]
    while words and words[0] in {"-l", "-e"}:
        words.pop(0)
    inner = replace(process, environment=dict(process.environment))
    if words and words[0] in {"-c", "-lc", "-ec"}:
        return await process.shell.evaluate(
            words[1] if len(words) > 1 else "", replace(inner, arguments=tuple(words[2:]) or ("sh",))
        )
    if words and words[0] != "-s":
        script = process.shell.files.read(words[0], user=process.user)
    else:
        script = await process.stdin.read()
    return await process.shell.evaluate(script.decode("utf-8", "replace"), inner)


async def _env(process: Process) -> int:
    words, environment = process.argv[1:], dict(process.environment)
    while words and words[0].startswith("-"):
        if words.pop(0) in {"-i", "-"}:
            environment = {}
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if not words:
        return process.out(
            "".join(f"{name}={value}\n" for name, value in sorted(environment.items()) if name != "?")
        )
    return await process.shell.execute(replace(process, argv=words, environment=environment))


async def _export(process: Process) -> int:
    for word in process.argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            process.environment[name] = value
    return 0


async def _exit(process: Process) -> int:
    raise Exit(int(process.argv[1]) if len(process.argv) > 1 else int(process.environment.get("?", "0")))


async def _command(process: Process) -> int:
    if process.name in {"which", "type"} or process.argv[1:2] == ["-v"]:
        name = process.argv[-1]
        if process.shell.resolve(replace(process, argv=[name])) is None:
            return 1
        if "/" in name:
            return process.out(f"{name}\n")
        installed = process.shell.files.get(f"/usr/local/bin/{name}")
        return process.out(f"/usr/local/bin/{name}\n" if installed else f"/usr/bin/{name}\n")
    return await process.shell.execute(replace(process, argv=process.argv[1:]))


async def _sleep(process: Process) -> int:
    await asyncio.sleep(min(float(process.argv[1]), 60.0))
    return 0


async def _whoami(process: Process) -> int:
    return process.out(f"{process.user}\n")


async def _id(process: Process) -> int:
    number, name = (0, "root") if process.user == "root" else (1000, process.user)
    found, _ = options(process, "ungG")
    if "u" in found or "g" in found:
        return process.out(f"{name if 'n' in found else number}\n")
    return process.out(f"uid={number}({name}) gid={number}({name}) groups={number}({name})\n")


TEXT_COMMANDS: dict[str, Command] = {
    "true": _true, ":": _true, "set": _true, "sync": _true, "false": _false, "echo": _echo,
    "printf": _printf, "cat": _cat, "grep": _grep, "cut": _cut, "head": _head_tail, "tail": _head_tail,
    "wc": _wc, "tr": _tr, "tee": _tee, "sha256sum": _sha256sum, "test": _test, "[": _test, "sudo": _sudo,
    "sh": _sh, "bash": _sh, "env": _env, "export": _export, "exit": _exit, "command": _command,
    "which": _command, "type": _command, "sleep": _sleep, "whoami": _whoami, "id": _id,
}  # fmt: skip
