"""Commands that go over what is there already, as steps: recovery, and the encryption of private keys."""

from __future__ import annotations

import zlib

from k0rdent_azure.state import events as trail
from k0rdent_azure.state.recovery import backup_copy, recover
from k0rdent_azure.state.secrets import Vault
from k0rdent_azure.state.secrets_at_rest import encrypt
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import NOW, StillClock
from tests.state.crash_disk import CrashDisk
from tests.state.crash_starts import begun
from tests.state.crash_steps import PATH, Step, change, events, take
from tests.state.crash_versions import violated

KEY = "c2VjcmV0IGtleSBvZiB0aGUgd29ya2VyLi4uLi4uLi4="
#: Anybody's; nothing is decrypted here.
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
_GZIP = 31


def recovery() -> tuple[CrashDisk, list[Step]]:
    """A disk whose document ends in the middle of its last event, and `recover`; the events before it must be saved.

    In between, older events were sealed, which the backup does not know of.
    """
    count = trail.INLINE_LIMIT - 10
    disk = begun(events("before", count), take("start"), events("after", 15))
    file = disk.get(str(PATH))
    file.content = torn = file.content[: file.content.index(b'"after 14') + 4]
    damaged = f"{PATH}.damaged-{NOW.strftime('%Y%m%dT%H%M%SZ')}"

    def run(store: FileStore) -> None:
        recover(store.storage, backup_copy(store.storage), clock=StillClock())

    def holds(disk: CrashDisk) -> None:
        if damaged not in disk.paths() or disk.get(damaged).content != torn:
            violated("parts", "the damaged file is not kept")

    messages = [f"before {number}" for number in range(count)] + [f"after {number}" for number in range(14)]
    step = Step(
        "recover",
        run,
        tuple(messages),
        # A backup may hold a recovery of which the crash left nothing else.
        own_events=2,
        commits=range(100),
        keeps=False,
        repeats=False,
        holds=holds,
    )
    return disk.sync(), [step]


def in_clear() -> CrashDisk:
    """A disk whose document, backup and snapshot hold a private key in clear; so does what a killed writer left."""

    def run(store: FileStore) -> None:
        with store.transaction() as tx:
            tx.by_path.set("wireguard.port", 51820)
            tx.by_path.set("wireguard.network", "172.24.24.0/24")
            peer = {"ip": "172.24.24.11", "public_key": KEY, "private_key": KEY}
            tx.by_path.set("wireguard.peers.k0s-worker-1", peer)

    disk = begun(Step("keys", run), take("in clear"), change(1))
    disk.put(f"{PATH.parent}/deployment-state.snapshots/.new", disk.get(str(PATH)).content)
    return disk


def encryption() -> Step:
    """`secrets encrypt`, which can be run again; afterwards no file holds a key in clear."""

    def run(store: FileStore) -> None:
        encrypt(store, store.read(), Vault([RECIPIENT]))

    return Step("encrypt", run, None, commits=(0, 1), forgets=True, holds=_no_key_in_clear)


def _no_key_in_clear(disk: CrashDisk) -> None:
    for path in disk.paths():
        if f'private_key: "{KEY}"'.encode() in _opened(disk.get(path).content):
            violated("in clear", f"{path} has a private key")


def _opened(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=_GZIP).decompress(content)
    except zlib.error:
        return content
