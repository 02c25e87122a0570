"""What this machine must have, and how to get it: looked at without any request to Azure."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from k0rdent_azure.azure import managed_identity
from k0rdent_azure.azure.az_profile import default_logins, profile_folder

#: Real seconds for a tool to tell its version.
_LIMIT = 10.0
#: The oldest k0sctl whose log, options and requests to a host this program knows.
OLDEST_K0SCTL = (0, 31)
#: The chassis asset tag of every Azure VM (Microsoft's documented way to tell one from inside).
_AZURE_VM_TAG = "7783-7084-3265-9085-8269-3286-77"


class Check(msgspec.Struct, kw_only=True):
    """One prerequisite. `missing` and `required` together make `doctor` fail; `how` says how to get it.

    `unneeded` is what this cloud does not use; `doubt` works, but deserves a look.
    """

    name: str
    status: Literal["ok", "missing", "doubt", "unneeded"]
    required: bool
    found: str
    how: str | None = None


def machine_checks(*, cloud: str, environ: Mapping[str, str]) -> Iterator[Check]:
    """Tools, rights and credentials for a deployment on one of the Azure clouds, or on the rehearsal cloud."""
    rehearsal = cloud == "rehearsal"
    yield _python()
    yield _k0sctl(rehearsal=rehearsal)
    if rehearsal:
        for name in ("wireguard", "root", "azure login"):
            yield Check(name=name, status="unneeded", required=False, found="a rehearsal does without")
    else:
        yield _wireguard()
        yield _root()
        yield _azure_login(cloud, environ)
    yield _ssh()


def _python() -> Check:
    """Told for the record: an older Python could not even start this program."""
    return Check(name="python", status="ok", required=True, found=f"Python {platform.python_version()}")


def _k0sctl(*, rehearsal: bool) -> Check:
    path = shutil.which("k0sctl")
    how = "go install github.com/k0sproject/k0sctl@latest, or: brew install k0sproject/tap/k0sctl"
    if path is None and rehearsal:
        found = "not on the PATH; a rehearsal uses its stand-in"
        return Check(name="k0sctl", status="unneeded", required=False, found=found)
    if path is None:
        return Check(name="k0sctl", status="missing", required=True, found="not on the PATH", how=how)
    status, found = _k0sctl_version(path)
    return Check(
        name="k0sctl", status=status, required=True, found=found, how=None if status == "ok" else how
    )


def _k0sctl_version(path: str) -> tuple[Literal["ok", "missing", "doubt"], str]:
    """A version that cannot be read is a doubt; a program that the system does not start is none at all."""
    done = _run([path, "version"])
    if isinstance(done, OSError):
        return "missing", f"{path} does not start: {done.strerror}"
    line = _line(done).removeprefix("version:").strip()
    number = re.search(r"(\d+)\.(\d+)", line)
    if done is None or done.returncode or number is None:
        return "doubt", f"its version cannot be determined ({path})"
    if (int(number[1]), int(number[2])) < OLDEST_K0SCTL:
        oldest = ".".join(str(part) for part in OLDEST_K0SCTL)
        return "missing", f"{line} ({path}) is older than {oldest}, the oldest supported version"
    return "ok", f"{line} ({path})"


def _wireguard() -> Check:
    missing = [tool for tool in ("wg", "wg-quick") if shutil.which(tool) is None]
    package = (
        "brew install wireguard-tools" if sys.platform == "darwin" else "apt install wireguard-tools (or dnf)"
    )
    if missing:
        found = f"{' and '.join(missing)} not on the PATH"
        return Check(name="wireguard", status="missing", required=True, found=found, how=package)
    done = _run(["wg", "--version"])
    if isinstance(done, OSError):
        found = f"wg does not start: {done.strerror}"
        return Check(name="wireguard", status="missing", required=True, found=found, how=package)
    return Check(name="wireguard", status="ok", required=True, found=_line(done) or "there")


def _root() -> Check:
    """The VPN interface needs root, and nothing here ever asks for a password."""
    if os.geteuid() == 0:
        return Check(name="root", status="ok", required=True, found="this is root")
    if shutil.which("sudo") is None:
        how = "install sudo, or run as root"
        return Check(name="root", status="missing", required=True, found="neither root nor sudo", how=how)
    how = "run `sudo -v` just before deploy, or allow wg and wg-quick with NOPASSWD in sudoers"
    answers = [_run(["sudo", "-n", *words]) for words in (["true"], ["wg", "show", "interfaces"])]
    if any(isinstance(done, subprocess.CompletedProcess) and not done.returncode for done in answers):
        return Check(name="root", status="ok", required=True, found="sudo works without a password")
    if all(done is None for done in answers):
        return Check(name="root", status="doubt", required=True, found="sudo did not answer in time", how=how)
    return Check(name="root", status="missing", required=True, found="sudo asks for a password", how=how)


def _azure_login(cloud: str, environ: Mapping[str, str]) -> Check:
    found = next(_credentials(cloud, environ), None)
    if found is not None:
        return Check(name="azure login", status="ok", required=True, found=found)
    elsewhere = _az_clouds(profile_folder(environ)) if shutil.which("az") else []
    if elsewhere:
        return Check(
            name="azure login",
            status="missing",
            required=True,
            found=f"az is logged in to {', '.join(elsewhere)}, not to {cloud}",
            how=f"az cloud set --name {cloud} && az login; or change azure.cloud in k0rdent.yaml",
        )
    how = "az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    if cloud != "AzureCloud":
        how = f"az cloud set --name {cloud} && {how}"
    if _text(Path("/sys/class/dmi/id/chassis_asset_tag")).strip() == _AZURE_VM_TAG:
        how += "; for this VM's managed identity: export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"
    return Check(name="azure login", status="missing", required=True, found="no credential", how=how)


def _credentials(cloud: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Signs of a credential, in azure-identity's order; whether it still works only Azure could say."""
    if environ.get("AZURE_TENANT_ID") and environ.get("AZURE_CLIENT_ID"):
        for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"):
            if environ.get(name):
                yield f"environment variables ({name})"
    if managed_identity.asked_for(environ):
        yield "managed identity (environment)"
    logins = default_logins(profile_folder(environ))
    users = sorted({each.user for each in logins if each.user and each.is_of(cloud)})
    if users and shutil.which("az"):
        yield f"az login as {', '.join(users)}"


def _az_clouds(folder: Path | None) -> Sequence[str]:
    return sorted({each.cloud for each in default_logins(folder) if each.cloud})


def _ssh() -> Check:
    """The product has its own SSH; a person who wants to look at a VM needs a client."""
    path = shutil.which("ssh")
    if path is not None:
        return Check(name="ssh client", status="ok", required=False, found=path)
    how = "install openssh-client, to log in to a VM yourself"
    return Check(name="ssh client", status="doubt", required=False, found="not on the PATH", how=how)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str] | OSError | None:
    """What became of a tool: the OSError if the system does not start it, None if it hangs."""
    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        return error


def _line(done: subprocess.CompletedProcess[str] | None) -> str:
    """The first line that a tool printed; "" if it printed none, or hung."""
    return (done.stdout.splitlines() or [""])[0].strip() if done is not None else ""
