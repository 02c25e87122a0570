"""The real `az` beside a rehearsal cloud: logged in to it, with a configuration folder of its own.

The folder is `az` beside the world, so that what a person has set up for the real Azure is neither read nor
changed. What is done with it is somebody's act, not the deployer's. The client's secret goes to `az` in a file that
only its owner can read, and is in no argument or variable.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.rehearsal.endpoint import Endpoint

FOLDER = "az"
CLOUD = "rehearsal"
#: Which cloud the folder is logged in to; written last.
_MARK = "rehearsal-cloud"
#: Real seconds that one `az` of the login may take; it needs about one.
_HUNG = 120
_CONFIG = "[core]\ninstance_discovery = false\ncollect_telemetry = false\nlogin_experience_v2 = false\n"
#: `az` sleeps between looks at an operation; what ARM tells it to wait are the cloud's seconds.
_WAITS = """import os
import time

_real_sleep = time.sleep
_speed = float(os.environ["K0RDENT_AZURE_REHEARSAL_AZ_SPEED"])
time.sleep = lambda seconds: _real_sleep(seconds / _speed)
"""


def executable() -> str:
    """The `az` on the PATH. Raises PrerequisiteError."""
    found = shutil.which("az")
    if found is None:
        raise PrerequisiteError(
            "az is not on the PATH",
            hint="install it with: python3 -m venv ~/az && ~/az/bin/pip install azure-cli",
        )
    return found


def variables(directory: Path, endpoint: Endpoint) -> dict[str, str]:
    """What makes an `az` talk to this cloud; none of it is secret."""
    return {"AZURE_CONFIG_DIR": str(directory / FOLDER), "REQUESTS_CA_BUNDLE": str(endpoint.ca_file)}


def log_in(directory: Path, endpoint: Endpoint) -> None:
    """Register this cloud with `az` and log in, unless that is done. Raises PrerequisiteError."""
    program, folder = executable(), directory / FOLDER
    mark = f"{endpoint.arm_endpoint} {endpoint.somebody_id}\n"
    if _read(folder / _MARK) == mark:
        return
    with tempfile.TemporaryDirectory(dir=directory, prefix="az-") as name:
        made = Path(name) / FOLDER
        made.mkdir(mode=0o700)
        (made / "config").write_text(_CONFIG, encoding="utf-8")
        secret = Path(name) / "secret"
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(endpoint.client_secret)
        environ = _environ({**variables(directory, endpoint), "AZURE_CONFIG_DIR": str(made)})
        for words in _login(endpoint, secret):
            _must(program, words, environ)
        (made / "python").mkdir()
        (made / "python" / "sitecustomize.py").write_text(_WAITS, encoding="utf-8")
        (made / _MARK).write_text(mark, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def environment(directory: Path, endpoint: Endpoint) -> dict[str, str]:
    """All variables for an `az` that is logged in here and whose waits are as fast as the cloud's clock."""
    return _environ(
        {
            **variables(directory, endpoint),
            "PYTHONPATH": str(directory / FOLDER / "python"),
            "K0RDENT_AZURE_REHEARSAL_AZ_SPEED": repr(endpoint.speed),
        }
    )


def run(directory: Path, endpoint: Endpoint, words: Sequence[str]) -> int:
    """Run `az WORDS…` on this cloud; its exit code."""
    log_in(directory, endpoint)
    return subprocess.run(
        [executable(), *words], env=environment(directory, endpoint), check=False
    ).returncode


def _login(endpoint: Endpoint, secret: Path) -> list[list[str]]:
    who = ["--service-principal", "--username", endpoint.somebody_id, "--tenant", endpoint.tenant]
    return [
        ["cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", endpoint.arm_endpoint],
        ["cloud", "set", "--name", CLOUD],
        ["login", *who, "--password", f"@{secret}"],
    ]


def _must(program: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        [program, *words], env=environ, capture_output=True, text=True, check=False, timeout=_HUNG
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise PrerequisiteError(
            f"az {words[0]} ended with {done.returncode} and said: {said[-1]}",
            hint="this was tried with azure-cli 2.91; yours is shown by: az version",
        )


def _environ(own: Mapping[str, str]) -> dict[str, str]:
    """This process's variables without those that would lead `az` elsewhere."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "PYTHON"))}
    # `az` is started as `python -m azure.cli`, which would import from the current folder first.
    return {**inherited, "PYTHONSAFEPATH": "1", **own}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
