"""The file commands of a simulated host: `install`, `stat`, `find`, `mktemp`, `dd`, `mv`, `rm`, `ls`, …"""

from __future__ import annotations

import posixpath
import secrets
import string
import time
from datetime import UTC, datetime

from k0rdent_azure.rehearsal.hosts.coreutils import options
from k0rdent_azure.rehearsal.hosts.files import File, FileFault
from k0rdent_azure.rehearsal.hosts.shell import Command, Process


async def _install(process: Process) -> int:
    found, names = options(process, "dDbCv", "mog")
    mode = int(found.get("m", "755"), 8)
    files = process.shell.files
    if "d" in found:
        for name in names:
            files.make_directory(name, user=process.user, mode=mode)
        return 0
    if len(names) != 2:
        return process.fail("install: missing destination file operand")
    source, target = names
    data = (
        await process.stdin.read() if source in {"-", "/dev/stdin"} else files.read(source, user=process.user)
    )
    if "D" in found:
        files.make_directory(posixpath.dirname(target) or "/", user=process.user)
    entry = files.get(target)
    if entry is not None and entry.directory:
        target = posixpath.join(target, posixpath.basename(source))
    elif entry is not None:  # install(1) unlinks first, so the new file belongs to who runs it
        files.remove(target, user=process.user)
    files.write(target, data, user=process.user, mode=mode)
    return 0


def _raw_mode(entry: File) -> int:
    return (0o040000 if entry.directory else 0o100000) | entry.mode


async def _stat(process: Process) -> int:
    found, names = options(process, "Lt", "cf")
    if "f" in found:
        return process.fail("stat: cannot read file system information")
    template = found.get("c", "%n")
    status = 0
    for name in names:
        entry = process.shell.files.get(name)
        if entry is None:
            status = process.fail(f"stat: cannot statx '{name}': No such file or directory")
            continue
        text = template
        for sign, value in {
            "%#f": f"0x{_raw_mode(entry):x}",
            "%f": f"{_raw_mode(entry):x}",
            "%.9Y": f"{entry.modified:.9f}",
            "%Y": f"{int(entry.modified)}",
            "%s": str(len(entry.content) if entry.content is not None else 4096),
            "%a": f"{entry.mode:o}",
            "%U": entry.owner,
            "%F": "directory" if entry.directory else "regular file",
            "%n": name,
        }.items():
            text = text.replace(sign, value)
        process.out(text + "\n")
    return status


async def _find(process: Process) -> int:
    words = process.argv[1:]
    roots = []
    while words and not words[0].startswith("-"):
        roots.append(words.pop(0))
    depth, end = 99, "\n"
    while words:
        word = words.pop(0)
        if word == "-maxdepth" and words:
            depth = int(words.pop(0))
        elif word == "-print0":
            end = "\0"
        elif word != "-print":
            return process.fail(f"find: unknown predicate '{word}'")
    status = 0
    for root in roots or ["."]:
        if process.shell.files.get(root) is None:
            status = process.fail(f"find: '{root}': No such file or directory")
            continue
        base = root.rstrip("/")
        below = [name for name in process.shell.files.below(root) if name[len(base) :].count("/") <= depth]
        process.out("".join(f"{name}{end}" for name in [root, *below]))
    return status


async def _ls(process: Process) -> int:
    found, names = options(process, "la1dh")
    status = 0
    for name in names or ["/"]:
        entry = process.shell.files.get(name)
        if entry is None:
            status = process.fail(f"ls: cannot access '{name}': No such file or directory", 2)
            continue
        base = name.rstrip("/") + "/"
        below = [
            path[len(base) :] for path in process.shell.files.below(name) if "/" not in path[len(base) :]
        ]
        process.out(
            "".join(f"{path}\n" for path in (below if entry.directory and "d" not in found else [name]))
        )
    return status


async def _mktemp(process: Process) -> int:
    found, names = options(process, "dq", "p")
    template = names[0] if names else "/tmp/tmp.XXXXXXXXXX"
    stem = template.rstrip("X")
    letters = string.ascii_letters + string.digits
    name = stem + "".join(secrets.choice(letters) for _ in template[len(stem) :])
    if "p" in found:
        name = posixpath.join(found["p"], name)
    if "d" in found:
        process.shell.files.make_directory(name, user=process.user, mode=0o700, parents=False)
    else:
        process.shell.files.write(name, b"", user=process.user, mode=0o600)
    return process.out(f"{name}\n")


async def _mkdir(process: Process) -> int:
    found, names = options(process, "pv", "m")
    mode = int(found.get("m", "755"), 8)
    for name in names:
        if "p" not in found and process.shell.files.get(name) is not None:
            raise FileFault(f"cannot create directory '{name}': File exists")
        process.shell.files.make_directory(name, user=process.user, mode=mode, parents="p" in found)
    return 0


async def _rm(process: Process) -> int:
    found, names = options(process, "rRfv")
    for name in names:
        if process.shell.files.get(name) is None and "f" in found:
            continue
        process.shell.files.remove(name, user=process.user, recursive="r" in found or "R" in found)
    return 0


async def _mv(process: Process) -> int:
    _, names = options(process, "fvT")
    for name in names[:-1]:
        process.shell.files.move(name, names[-1], user=process.user)
    return 0


async def _cp(process: Process) -> int:
    _, names = options(process, "afpv")
    source, target = names
    entry = process.shell.files.get(source)
    data = process.shell.files.read(source, user=process.user)
    process.shell.files.write(target, data, user=process.user, mode=entry.mode if entry else None)
    return 0


async def _chmod(process: Process) -> int:
    _, names = options(process, "Rv")
    mode = names.pop(0)
    for name in names:
        entry = process.shell.files.get(name)
        bits = (entry.mode if entry else 0) | 0o111 if mode == "+x" else int(mode, 8)
        process.shell.files.change(name, user=process.user, mode=bits)
    return 0


async def _chown(process: Process) -> int:
    _, names = options(process, "Rv")
    owner = names.pop(0).partition(":")[0]
    for name in names:
        process.shell.files.change(name, user=process.user, owner=owner or None)
    return 0


async def _touch(process: Process) -> int:
    if process.argv[1:] == ["--help"]:
        return process.out("Usage: touch [OPTION]... FILE...\nGNU coreutils\n")
    found, names = options(process, "amc", "d")
    moment = time.time()
    if "d" in found:
        text = found["d"].removeprefix("@")
        moment = float(text) if text != found["d"] else _parse_moment(text)
    for name in names:
        if process.shell.files.get(name) is None:
            process.shell.files.write(name, b"", user=process.user)
        process.shell.files.change(name, user=process.user, modified=moment)
    return 0


def _parse_moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text[:26])
    except ValueError:
        raise FileFault(f"invalid date format '{text}'") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


async def _truncate(process: Process) -> int:
    found, names = options(process, "c", "s")
    size = int(found.get("s", "0"))
    for name in names:
        entry = process.shell.files.get(name)
        data = (entry.content or b"") if entry else b""
        process.shell.files.write(name, data[:size].ljust(size, b"\0"), user=process.user)
    return 0


async def _dd(process: Process) -> int:
    """Blocks of a file, in the few forms in which tools copy over SSH."""
    settings = dict(word.split("=", 1) for word in process.argv[1:] if "=" in word)
    size = int(settings.get("bs", "512"))
    source = settings.get("if", "/dev/stdin")
    files = process.shell.files
    data = await process.stdin.read() if source == "/dev/stdin" else files.read(source, user=process.user)
    data = data[int(settings.get("skip", "0")) * size :]
    if "count" in settings:
        data = data[: int(settings["count"]) * size]
    if "of" not in settings:
        process.stdout += data
        return 0
    offset = int(settings.get("seek", "0")) * size
    entry = files.get(settings["of"])
    old = (entry.content or b"") if entry else b""
    tail = old[offset + len(data) :] if "notrunc" in settings.get("conv", "") else b""
    files.write(settings["of"], old[:offset].ljust(offset, b"\0") + data + tail, user=process.user)
    return 0


FILE_COMMANDS: dict[str, Command] = {
    "install": _install, "stat": _stat, "find": _find, "ls": _ls, "mktemp": _mktemp, "mkdir": _mkdir,
    "rm": _rm, "mv": _mv, "cp": _cp, "chmod": _chmod, "chown": _chown, "touch": _touch,
    "truncate": _truncate, "dd": _dd,
}  # fmt: skip
