"""A workspace is one folder with one deployment: its config, its state, and what the phases leave there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure import command_line
from k0rdent_azure.clock import SystemClock

if TYPE_CHECKING:
    from k0rdent_azure.errors import Fault
    from k0rdent_azure.state.lock import Holder, RunLock
    from k0rdent_azure.state.store import FileStore

CONFIG_NAME = "k0rdent.yaml"
STATE_NAME = "deployment-state.yaml"
#: Names the folder of the rehearsal cloud, so that several workspaces can share one.
REHEARSAL_DIR = "K0RDENT_AZURE_REHEARSAL_DIR"


class Workspace(msgspec.Struct, frozen=True):
    """`-C DIR`, or the current directory."""

    directory: Path

    @property
    def config_path(self) -> Path:
        """`k0rdent.yaml`, or the ancestor's `config/k0rdent.yaml` where only that exists."""
        inherited = self.directory / "config" / CONFIG_NAME
        own = self.directory / CONFIG_NAME
        return inherited if inherited.is_file() and not own.exists() else own

    @property
    def state_path(self) -> Path:
        return self.directory / STATE_NAME

    @property
    def archive_dir(self) -> Path:
        """Where `destroy` leaves the states of former deployments, each in a folder of its own."""
        return self.directory / "archive"

    @property
    def rehearsal_dir(self) -> Path:
        """What the rehearsal cloud keeps: in the workspace, unless the environment names another folder."""
        shared = os.environ.get(REHEARSAL_DIR, "")
        return Path(shared).absolute() if shared else self.directory / ".rehearsal"

    def store(self, clock: SystemClock | None = None) -> FileStore:
        from k0rdent_azure.state.store import FileStore

        return FileStore(self.state_path, clock=clock or SystemClock(), lost=self._way_back)

    def _way_back(self) -> str | None:
        from k0rdent_azure.cli.lost import files_trace

        found = files_trace(self)
        return found.way_back if found else None

    def run_lock(self) -> RunLock:
        from k0rdent_azure.state.lock import RunLock

        # Beside the real file: two workspaces that link to one state share its lock.
        real = Path(os.path.realpath(self.state_path))
        return RunLock(real.with_name(f".{real.name}.run.lock"), state=real)

    def live_holder(self) -> Holder | None:
        """Who else runs on this deployment just now; looking changes nothing."""
        holder = self.run_lock().holder()
        ours = holder is not None and (holder.pid, holder.host) == (os.getpid(), os.uname().nodename)
        return None if ours else holder

    @property
    def is_here(self) -> bool:
        """Whether commands need no `-C`."""
        return self.program == command_line.NAME

    @property
    def program(self) -> str:
        """What begins every command line of this workspace."""
        return command_line.program(self.directory)

    def command(self, words: str) -> str:
        """The exact command line to type for `words` in this workspace."""
        return f"{self.program} {words}"

    def placed_fault(self, fault: Fault) -> Fault:
        """The same fault, with the commands of this workspace."""
        expected = fault.expected and self.placed(fault.expected)
        return msgspec.structs.replace(fault, message=self.placed(fault.message), expected=expected)

    def placed(self, hint: str) -> str:
        """A hint from where nobody knows the workspace: its commands as they are to be typed for this one."""
        if self.is_here:
            return hint
        from k0rdent_azure.cli.main import COMMANDS

        bare = rf"(?<![\w./-]){command_line.NAME} (?=(?:{'|'.join(COMMANDS)})\b)"
        return re.sub(bare, lambda _found: f"{self.program} ", hint)


def new_deployment_id() -> str:
    """`k0rdent-` and eight characters of [a-z0-9], as the ancestor made them."""
    import secrets
    import string

    alphabet = string.ascii_lowercase + string.digits
    return "k0rdent-" + "".join(secrets.choice(alphabet) for _ in range(8))
