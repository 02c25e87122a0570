"""What this machine must have, and how to get it: looked at without any request to Azure."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from k0rdent_azure.azure import managed_identity

#: Real seconds for a tool to tell its version.
_LIMIT = 10.0
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


def machine_checks(*, rehearsal: bool, environ: Mapping[str, str]) -> Iterator[Check]:
    """Tools, rights and credentials for a deployment on Azure, or on the rehearsal cloud."""
    yield _python()
    yield _k0sctl(rehearsal=rehearsal)
    if rehearsal:
        for name in ("wireguard", "root", "azure login"):
            yield Check(name=name, status="unneeded", required=False, found="a rehearsal does without")
    else:
        yield _wireguard()
        yield _root()
        yield _azure_login(environ)
    yield _ssh()


def _python() -> Check:
    """Told for the record: an older Python could not even start this program."""
    return Check(name="python", status="ok", required=True, found=f"Python {platform.python_version()}")


def _k0sctl(*, rehearsal: bool) -> Check:
    path = shutil.which("k0sctl")
    if path is not None:
        version = _first_line([path, "version"]).removeprefix("version:").strip()
        return Check(name="k0sctl", status="ok", required=not rehearsal, found=f"{version or '?'} ({path})")
    how = "go install github.com/k0sproject/k0sctl@latest, or: brew install k0sproject/tap/k0sctl"
    if rehearsal:
        found = "not on the PATH; a rehearsal uses its stand-in"
        return Check(name="k0sctl", status="unneeded", required=False, found=found)
    return Check(name="k0sctl", status="missing", required=True, found="not on the PATH", how=how)


def _wireguard() -> Check:
    missing = [tool for tool in ("wg", "wg-quick") if shutil.which(tool) is None]
    if not missing:
        return Check(
            name="wireguard", status="ok", required=True, found=_first_line(["wg", "--version"]) or "there"
        )
    package = (
        "brew install wireguard-tools" if sys.platform == "darwin" else "apt install wireguard-tools (or dnf)"
    )
    found = f"{' and '.join(missing)} not on the PATH"
    return Check(name="wireguard", status="missing", required=True, found=found, how=package)


def _root() -> Check:
    """The VPN interface needs root, and nothing here ever asks for a password."""
    if os.geteuid() == 0:
        return Check(name="root", status="ok", required=True, found="this is root")
    if shutil.which("sudo") is None:
        how = "install sudo, or run as root"
        return Check(name="root", status="missing", required=True, found="neither root nor sudo", how=how)
    if any(_succeeds(["sudo", "-n", *words]) for words in (["true"], ["wg", "show", "interfaces"])):
        return Check(name="root", status="ok", required=True, found="sudo works without a password")
    how = "run `sudo -v` just before deploy, or allow wg and wg-quick with NOPASSWD in sudoers"
    return Check(name="root", status="missing", required=True, found="sudo asks for a password", how=how)


def _azure_login(environ: Mapping[str, str]) -> Check:
    found = next(_credentials(environ), None)
    if found is not None:
        return Check(name="azure login", status="ok", required=True, found=found)
    how = "az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    if _text(Path("/sys/class/dmi/id/chassis_asset_tag")).strip() == _AZURE_VM_TAG:
        how += "; for this VM's managed identity: export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"
    return Check(name="azure login", status="missing", required=True, found="no credential", how=how)


def _credentials(environ: Mapping[str, str]) -> Iterator[str]:
    """Signs of a credential, in azure-identity's order; whether it still works only Azure could say."""
    if environ.get("AZURE_TENANT_ID") and environ.get("AZURE_CLIENT_ID"):
        for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"):
            if environ.get(name):
                yield f"environment variables ({name})"
    if managed_identity.asked_for(environ):
        yield "managed identity (environment)"
    users = _az_accounts(Path(environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure"))
    if users and shutil.which("az"):
        yield f"az login as {', '.join(users)}"


def _az_accounts(folder: Path) -> Sequence[str]:
    """The users in az's profile; the file is its own and only read."""
    try:
        profile = json.loads(_text(folder / "azureProfile.json").lstrip("\ufeff") or "{}")
        users = {item["user"]["name"] for item in profile["subscriptions"] if item.get("isDefault")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return sorted(str(user) for user in users)


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


def _first_line(words: Sequence[str]) -> str:
    """What a tool says first; "" where it fails or hangs."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()


def _succeeds(words: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            words, capture_output=True, timeout=_LIMIT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
