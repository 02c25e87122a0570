"""Every state in which a crash may leave a `CrashDisk`, as far as it makes sense to tell them apart.

- Of a folder's changes since its last fsync each may have happened or not, whatever the order in which they were
  made. Only what depends on another one waits for it: nothing can be renamed that was not created. A rename is one
  change, but the old name may still be there too (file systems without a journal).
- A file's bytes since its last fsync may be lost, be there in part (a beginning; the right length with zeros in
  it), or all be there, whatever its name is by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from tests.state.crash_disk import CrashDisk, File, Folder, Pending

#: What a folder holds, by name.
Names = Mapping[str, int]
#: Which node stands at which path; a folder's path ends in a slash.
Tree = Mapping[str, int]
_SECTOR = 512
#: More combinations of several files' contents than this are not made: then one file at a time is varied.
_MOST_TOGETHER = 200


class Image:
    """One disk after a crash. `contents` are the bytes of the files by their node; several paths may share one."""

    def __init__(self, disk: CrashDisk, tree: Tree, contents: Mapping[int, bytes]) -> None:
        self._disk, self._tree, self._contents = disk, tree, contents
        #: The same for equal files under equal names, within one process. Two names of one file count as such.
        self.fingerprint = hash(
            tuple((path, contents.get(number), _first(tree, number)) for path, number in sorted(tree.items()))
        )

    def mount(self) -> CrashDisk:
        """The disk at its next start: whatever is there is safely there."""
        nodes: dict[int, File | Folder] = {0: Folder({}, {}, [])}
        for path, number in sorted(self._tree.items()):
            above, _, name = path.rstrip("/").rpartition("/")
            folder = nodes[self._tree[f"{above}/"] if above else 0]
            assert isinstance(folder, Folder)
            folder.names[name] = folder.settled[name] = number
            nodes.setdefault(number, self._node(number))
        disk = CrashDisk(nodes)
        disk.no_links = self._disk.no_links
        return disk

    def _node(self, number: int) -> File | Folder:
        if number not in self._contents:
            return Folder({}, {}, [])
        old, content = self._disk.nodes[number], self._contents[number]
        return File(content, content, old.mode, old.owner)

    def __str__(self) -> str:
        sizes = (
            f"{path} ({len(self._contents[number])} bytes)"
            for path, number in sorted(self._tree.items())
            if number in self._contents
        )
        return ", ".join(sizes)


def _first(tree: Tree, number: int) -> str:
    return min(path for path, other in tree.items() if other == number)


def images(disk: CrashDisk, *, cuts: int) -> Iterator[Image]:
    """Each state once. `cuts` is at how many places a file may end too early."""
    # The disk goes on after this moment.
    disk = disk.fork()
    seen = set()
    for tree in _trees(disk, 0, "/"):
        for contents in _contents_of(disk, tree, cuts):
            image = Image(disk, tree, contents)
            if image.fingerprint not in seen:
                seen.add(image.fingerprint)
                yield image


def _trees(disk: CrashDisk, number: int, path: str) -> Iterator[dict[str, int]]:
    folder = disk.nodes[number]
    assert isinstance(folder, Folder)
    for names in names_after_crash(folder):
        here = {f"{path}{name}": inner for name, inner in names.items()}
        below = [
            list(_trees(disk, inner, f"{one}/"))
            for one, inner in here.items()
            if isinstance(disk.nodes[inner], Folder)
        ]
        files = {
            one if isinstance(disk.nodes[inner], File) else f"{one}/": inner for one, inner in here.items()
        }
        for inside in itertools.product(*below):
            yield {key: value for tree in (files, *inside) for key, value in tree.items()}


def names_after_crash(folder: Folder) -> list[Names]:
    """What a folder may hold after a crash: each pending change made or not, in every combination."""
    found: dict[frozenset[tuple[str, int]], dict[str, int]] = {}
    for made in _made(folder.settled, folder.pending):
        found[frozenset(made.items())] = made
    return list(found.values())


def _made(settled: Names, pending: list[Pending]) -> list[dict[str, int]]:
    states = {frozenset(settled.items())}
    for change in pending:
        states |= {frozenset(new.items()) for old in states for new in _with(dict(old), change)}
    return [dict(state) for state in states]


def _with(names: dict[str, int], change: Pending) -> Iterator[dict[str, int]]:
    rest = {name: number for name, number in names.items() if name != change.name}
    if change.kind == "drop":
        yield rest
    elif change.kind == "put":
        yield {**rest, change.name: change.number}
    elif names.get(change.source) == change.number:
        both = {**rest, change.name: change.number}
        yield both
        yield {name: number for name, number in both.items() if name != change.source}


def _contents_of(disk: CrashDisk, tree: Tree, cuts: int) -> Iterator[dict[int, bytes]]:
    numbers = sorted({number for number in tree.values() if isinstance(disk.nodes[number], File)})
    choices = [contents_after_crash(_file(disk, number), cuts) for number in numbers]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total <= _MOST_TOGETHER:
        for together in itertools.product(*choices):
            yield dict(zip(numbers, together, strict=True))
        return
    for end in (0, -1):
        rest = {number: choice[end] for number, choice in zip(numbers, choices, strict=True)}
        for number, choice in zip(numbers, choices, strict=True):
            for content in choice:
                yield {**rest, number: content}


def _file(disk: CrashDisk, number: int) -> File:
    node = disk.nodes[number]
    assert isinstance(node, File)
    return node


def contents_after_crash(file: File, cuts: int) -> list[bytes]:
    """What a file may hold after a crash: lost first, whole last."""
    old, new = file.settled, file.content
    if old == new:
        return [new]
    found = [old or b"", b"", b"\0" * len(new)]
    for end in sorted(set(_ends(new, cuts))):
        beginning = new[:end]
        found.append(beginning)
        # The length got there, the rest of the bytes did not: zeros, or what stood there before.
        found.append(beginning.ljust(len(new), b"\0"))
        found.append(beginning + (old or b"")[end:])
    found.append(_every_other_sector(new))
    found.append(new)
    return list(dict.fromkeys(found))


def _ends(content: bytes, cuts: int) -> Iterator[int]:
    """Places at which to tear; each also after the line, where half a document may look like a whole one."""
    for number in range(1, cuts + 1):
        end = len(content) * number // (cuts + 1)
        yield end
        yield content.find(b"\n", end) + 1 or end
    if content:
        yield len(content) - 1


def _every_other_sector(content: bytes) -> bytes:
    return b"".join(
        content[start : start + _SECTOR]
        if start // _SECTOR % 2
        else b"\0" * len(content[start : start + _SECTOR])
        for start in range(0, len(content), _SECTOR)
    )
