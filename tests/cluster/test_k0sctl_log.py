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
    assert errors_in(log) == (
        'error 0; error 1; … 2 more …; error 4; apply failed: failed on 1 hosts:\n - 1.2.3.4:22: "k0s" ended'
    )


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


def fatal(text: str) -> str:
    return f'level=fatal msg="{text}"'


FAR = "x" * 900
#: The name of each family, what k0sctl wrote, and what has to be readable of it.
CAUSES = {
    "v0.31, the step first": (
        fatal(
            r"apply failed - log file saved to /root/.cache/k0sctl/k0sctl.log: failed on 1 hosts:\n"
            rf" - [ssh] 172.24.24.11:22: failed to download k0s: {'curl ' * 300}exit status 22"
        ),
        ["failed on 1 hosts", "172.24.24.11:22: failed to download k0s", "exit status 22"],
    ),
    "v0.32, no protocol before the host": (
        fatal(rf"apply failed: failed on 1 hosts:\n - 172.24.24.11:22: no free space: {FAR}"),
        ["172.24.24.11:22: no free space"],
    ),
    "one line for each host": (
        fatal(
            r"failed on 3 hosts:\n - [ssh] 172.24.24.11:22: os support module not found\n"
            rf" - [ssh] 172.24.24.12:22: clock skew {FAR}\n - [ssh] 172.24.24.13:22: no route to host"
        ),
        ["os support module not found", "172.24.24.12:22: clock skew", "172.24.24.13:22: no route to host"],
    ),
    "fifty hosts": (
        fatal("failed on 50 hosts:" + "".join(rf"\n - 172.24.24.{n}:22: cause {n}" for n in range(50))),
        ["failed on 50 hosts", "24.0:22: cause 0", "cause 49", "more"],
    ),
    "the cause comes first, others follow from it": (
        "\n".join(
            ['level=error msg="no space left on device"']
            + [f'level=error msg="retrying {n}"' for n in range(20)]
            + [fatal("apply failed")]
        ),
        ["no space left on device", "retrying 19"],
    ),
    "the cause is an attribute": (
        'time="26 Jun 26 20:20 UTC" level=error msg="failed to connect" error="dial tcp: no route to host" host=x',
        ["failed to connect: dial tcp: no route to host"],
    ),
    "levels in capitals": (
        'time=2026 level=ERROR msg="apply failed" err="bad token"',
        ["apply failed: bad token"],
    ),
    "a terminal's form": (
        (
            "\x1b[36mINFO\x1b[0m ==> Apply failed\n"
            "\x1b[31mFATA\x1b[0m[0003] apply failed - log file saved to /x: failed on 2 hosts:\n"
            " - [ssh] 10.0.0.6:22: command failed\n - [ssh] 10.0.0.7:22: no sudo \n"
        ),
        ["failed on 2 hosts", "10.0.0.6:22: command failed", "10.0.0.7:22: no sudo"],
    ),
    "colours inside a quoted text": (
        fatal(r"\x1b[31mapply failed\x1b[0m: \u001b[1mno etcd"),
        ["apply failed: no etcd"],
    ),
    "a panic after good lines": (
        "\n".join(
            [
                info("==> Running phase: Connect to hosts"),
                "panic: runtime error: index out of range",
                "",
                "goroutine 1 [running]:",
                *(f"main.f{n}(...)" for n in range(60)),
            ]
        ),
        ["panic: runtime error: index out of range"],
    ),
    "killed for want of memory": (
        f"{info('fine')}\nfatal error: runtime: out of memory\n\n" + "at x\n" * 50,
        ["out of memory"],
    ),
    "the log ends in the middle of a line": (
        f'{info("fine")}\nlevel=fatal msg="failed on 1 hosts: disk fu',
        ["disk fu"],
    ),
    "bytes that are no text": (fatal(r"host said \xff\xfe and no more"), ["host said", "and no more"]),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_can_be_read_wherever_it_stands(name: str, tmp_path: Path) -> None:
    log, expected = CAUSES[name]
    shown = errors_in(log)
    assert [part for part in expected if part not in shown] == [], shown
    assert len(shown) <= 1200
    assert not {"\x1b", "\\x1b"} & {*shown.split("["), *shown.split()}
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe not text\n" * 70_000 + log.encode())
    assert last_errors(path) == shown


def test_a_line_of_megabytes_is_no_burden(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f'level=debug msg="{"a b" * 1_000_000}"\n{fatal("the cause")}\n')
    assert last_errors(path) == "the cause"


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
