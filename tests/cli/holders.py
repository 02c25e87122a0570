"""Another process that holds a run lock."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from k0rdent_azure.cli.workspace import Workspace

HOLD = (
    "import sys, signal; from pathlib import Path; from k0rdent_azure.state.lock import RunLock\n"
    "RunLock(Path(sys.argv[1])).acquire('deploy'); print('held', flush=True); signal.pause()"
)


@contextmanager
def deploying(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks like a `deploy` in `folder`; it is killed at the end, if it still lives."""
    argv = [sys.executable, "-c", HOLD, str(Workspace(folder).run_lock().path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
