"""Situations of private keys in the state: in clear, encrypted, and to somebody else."""

from __future__ import annotations

import subprocess

from tests.hints.place import Place
from tests.hints.situations import situation


def change(place: Place, old: str, new: str) -> None:
    """As an editor would, past the product."""
    text = place.state.read_text(encoding="utf-8")
    assert old in text, old
    place.state.write_text(text.replace(old, new, 1), encoding="utf-8")


def own_ssh_key(place: Place) -> None:
    home = place.root / "home" / ".ssh"
    home.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "id_ed25519"], check=True)


def encrypt(place: Place) -> None:
    own_ssh_key(place)
    assert place.run("secrets", "encrypt", "--ssh-key").code == 0


@situation("cli/secrets.py: secrets encrypt")
def rotate_what_is_in_clear(place: Place) -> None:
    own_ssh_key(place)
    place.tell("secrets", "rotate", "--ssh-key", expect=2)
    place.follow("secrets encrypt --ssh-key")
    place.cured("nothing to rotate")


@situation(
    "cli/secrets.py: mkdir -p ~/.config/k0rdent-azure && "
    "ssh-keygen -t ed25519 -N '' -f ~/.config/k0rdent-azure/identity.txt"
)
def no_identity_here(place: Place) -> None:
    stranger = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    place.tell("secrets", "encrypt", "--recipient", stranger, expect=9)
    place.follow("mkdir -p")
    key = (place.root / "home/.config/k0rdent-azure/identity.txt.pub").read_text(encoding="utf-8").strip()
    assert place.run("secrets", "encrypt", "--recipient", key).code == 0


@situation("state/checks.py: secrets encrypt")
def key_in_clear_among_encrypted_ones(place: Place) -> None:
    key = next(line for line in place.state.read_text().splitlines() if "private_key:" in line)
    encrypt(place)
    sealed = next(line for line in place.state.read_text().splitlines() if "private_key:" in line)
    change(place, sealed, key)
    place.tell("state", "check", expect=0)
    place.follow("secrets encrypt")
    place.cured("stands in clear")


@situation("cli/doctor.py: (secrets encrypt)")
def doctor_of_keys_in_clear(place: Place) -> None:
    encrypt(place)
    assert place.run("secrets", "decrypt", "--yes").code == 0
    place.tell("doctor", expect=0)
    place.short("secrets encrypt", more=["--ssh-key"])
    place.cured("in clear")
