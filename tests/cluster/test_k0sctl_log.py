"""k0sctl's log: progress and errors, without control characters and without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.cluster.k0sctl_log import Follower, Progress, errors_in, last_errors, progress_of, redacted
from k0rdent_azure.hosts.keys import ssh_keypair, wireguard_keypair

PEM = ssh_keypair("x").private
#: In the shape of a k0s join token: gzip in base64, one line.
TOKEN = "H4sIAAAAAAAC/2yVzY7jNhCE73oKvYC9/NHf+OhNDkGQPSS5x9xPw1yTqYbkzTaYJ5/0TLmHeb9Hmq0kq3i+rq5mU1qd7v8Ai"


def info(text: str) -> str:
    return f'level=info msg="{text}"'


def test_phases_and_hosts_are_progress() -> None:
    assert progress_of(info("==> Running phase: Install workers")) == Progress(
        "==> Running phase: Install workers", phase="Install workers"
    )
    assert progress_of(info("172.24.24.11:22: installing k0s worker")) == Progress(
        "installing k0s worker", host="172.24.24.11"
    )
    assert progress_of(info("[ssh] 172.24.24.11:22: connected")) == Progress("connected", host="172.24.24.11")
    assert progress_of(info(r"172.24.24.11:22: said \"no\"")) == Progress('said "no"', host="172.24.24.11")


@pytest.mark.parametrize(
    "line",
    ["", "a banner", info("k0sctl 1.2 Copyright"), 'level=debug msg="1.2.3.4:22: x"', 'level=info msg="open'],
)
def test_other_lines_are_none(line: str) -> None:
    assert progress_of(line) is None


def test_a_follower_gives_each_whole_line_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    follower = Follower(log)
    assert follower.new() == []
    first, second = info("==> Running phase: One"), info("==> Running phase: Zwei ü")
    log.write_text(f"{first}\n{second[:-3]}")
    assert [progress.phase for progress in follower.new()] == ["One"]
    assert follower.new() == []
    log.write_text(f"{first}\n{second}\n")
    assert [progress.phase for progress in follower.new()] == ["Zwei ü"]


def test_the_last_errors_are_what_counts() -> None:
    log = "\n".join(
        [
            info("fine"),
            *(f'level=error msg="error {i}"' for i in range(5)),
            'level=error msg="error 4"',
            r'level=fatal msg="apply failed: failed on 1 hosts:\n - 1.2.3.4:22: \"k0s\" ended"',
            "level=info msg=bye",
        ]
    )
    assert errors_in(log) == 'error 4; apply failed: failed on 1 hosts:\n - 1.2.3.4:22: "k0s" ended'


def test_an_error_of_one_word_counts_too() -> None:
    assert errors_in("level=info msg=hello\nlevel=fatal msg=EOF\n") == "EOF"


def test_without_errors_the_last_lines_must_do(tmp_path: Path) -> None:
    assert errors_in("panic: oh no\n\ngoroutine 1\n") == "panic: oh no; goroutine 1"
    assert last_errors(tmp_path / "none") == "no log"
    (tmp_path / "empty").touch()
    assert last_errors(tmp_path / "empty") == "see the log"


def test_nothing_that_a_terminal_would_obey_is_left() -> None:
    shown = errors_in('level=error msg="a\x1b[2Jb\x1b]0;title\x07c\u202ed\x9be\rf"')
    assert shown == "abcdef"


def test_a_long_error_keeps_its_end() -> None:
    shown = errors_in(f'level=error msg="{"word " * 500}the cause"')
    assert len(shown) <= 600
    assert shown.endswith("the cause")


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        wireguard_keypair().private,
        "hunter2",
        PEM.splitlines()[1],
        PEM.splitlines()[3],
    ],
    # New keys at each run must not become the names of tests.
    ids=["join token", "WireGuard key", "password", "PEM, first line", "PEM, a later line"],
)
@pytest.mark.parametrize(
    "sentence",
    [
        "token: {}",
        "join failed with token={} on host",
        'config {{"password": "{}"}}',
        "Authorization: Bearer {}",
        "client-key-data: {}",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n{}\\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\n{}",
    ],
    ids=["yaml", "sentence", "json", "header", "kubeconfig", "OpenSSH PEM", "PKCS8 PEM"],
)
def test_secrets_are_not_shown(secret: str, sentence: str) -> None:
    assert secret not in errors_in(f'level=error msg="{sentence.format(secret)}"')
    assert secret not in redacted(sentence.format(secret).replace("\\n", "\n"))


@pytest.mark.parametrize("secret", [TOKEN, wireguard_keypair().private], ids=["join token", "WireGuard key"])
def test_long_secrets_are_found_without_a_name(secret: str) -> None:
    assert secret not in errors_in(f'level=error msg="unexpected {secret} here"')


@pytest.mark.parametrize(
    "text",
    [
        "cannot read /home/Someone/projects/2026/k0rdent/k0sctl-config/k0rdent-abc123-k0sctl.yaml",
        "open /Users/Jane/Documents/Work/Project7/azure-resources/k0rdent-5b8hxhz5-ssh-key: permission denied",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 not found",
        "dial tcp 172.24.24.11:22: connect: connection refused",
        "failed to create token for k0s-worker-1",
    ],
)
def test_what_helps_is_kept(text: str) -> None:
    assert redacted(text) == text
