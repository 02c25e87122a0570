"""What the README tells people to type works as written, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.rehearsal.arm import conscience

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
#: Real seconds after which a command of the README is called hung.
HUNG = 180
_MARK = "<!-- tests/test_readme.py runs this block on the rehearsal cloud -->\n"
_LINK = re.compile(r"(?<!`)\[[^]]*\]\(([^)\s]+)\)")


def everyday_block() -> list[str]:
    _, mark, rest = README.read_text(encoding="utf-8").partition(_MARK)
    assert mark, "the README has lost its everyday block"
    block = re.match(r"```console\n(.*?)```", rest, re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def prose(page: Path) -> str:
    """The page without code, in which brackets and parentheses are no links."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"`[^`\n]*`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def type_it(line: str, workspace: Path) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(line)
    assert program == "k0rdent-azure"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("K0RDENT_", "AZURE_"))}
    return subprocess.run(
        [sys.executable, "-m", "k0rdent_azure", *words],
        cwd=workspace,
        env=inherited
        | {
            "K0RDENT_AZURE_REHEARSAL_SPEED": "300",
            conscience.VARIABLE: os.environ[conscience.VARIABLE],
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HUNG,
        check=False,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    type_it("k0rdent-azure rehearse stop", tmp_path)


@pytest.mark.e2e
def test_the_everyday_block_works_line_by_line(workspace: Path) -> None:
    lines = everyday_block()
    assert len(lines) > 5
    for line in lines:
        done = type_it(line, workspace)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert list(workspace.glob("archive/*/deployment-state.yaml"))


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, fragment = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in anchors(target), f"{link}: no such heading"
