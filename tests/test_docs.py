"""The documentation says what the code does: schema, exit codes, commands, settings."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import msgspec
import pytest
from docs import schema
from docs.generate import DOCS, replaced
from docs.rehearsed import draw

from k0rdent_azure import errors
from k0rdent_azure.cli.main import COMMANDS, parser
from k0rdent_azure.config.settings import SETTINGS
from k0rdent_azure.errors import UsageError
from k0rdent_azure.report.model import StatusReport

README = DOCS.parent / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
#: `$(…)`, redirections and pipes are the shell's.
_SHELL = re.compile(r"\s(?:>|\|).*$")


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def examples() -> list[str]:
    """Every command line of ours in a `console` or `sh` block."""
    blocks = re.findall(
        r"```(?:console|sh)\n(.*?)```", "".join(page.read_text(encoding="utf-8") for page in PAGES), re.DOTALL
    )
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return sorted({_SHELL.sub("", line) for line in lines if line.startswith("k0rdent-azure ")})


def test_the_schema_page_is_current() -> None:
    page = text_of("state-schema.md")
    assert replaced(page, "schema", schema.schema()) == page, "run: python -m docs.generate schema"


def test_the_json_schema_is_current() -> None:
    published = schema.JSON_SCHEMA.read_text(encoding="utf-8")
    assert published == schema.json_schema(), "run: python -m docs.generate schema"


def test_every_field_of_the_state_is_explained_once() -> None:
    unexplained, unused = schema.undocumented()
    assert not unexplained
    assert not unused


def test_fields_of_the_plan_are_told_from_ours() -> None:
    page = schema.schema()
    assert "| `deployment_id` | text | yes | plan |" in page
    assert re.search(r"\| `lineage` \| text or null \|  \| ours \|", page)


def test_every_exit_code_is_documented() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| .* \| (.*) \|$", text_of("scripting.md"), re.MULTILINE))
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.K0rdentAzureError):
            assert f"`{name}`" in rows[str(error.exit_code)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.search(rf"(k0rdent-azure |`){command}\b", told)
    assert re.search(rf"`{command}\b", text_of("scripting.md"))


@pytest.mark.parametrize("line", examples())
def test_every_example_is_a_command_line(line: str) -> None:
    _, *words = shlex.split(line)
    parser().parse_args(words)


@pytest.mark.parametrize("path", SETTINGS)
def test_every_setting_is_documented(path: str) -> None:
    setting = SETTINGS[path]
    (row,) = re.findall(rf"^\| `{re.escape(path)}` \| (.*) \|$", text_of("configuration.md"), re.MULTILINE)
    default, *_, variable = row.split(" | ")
    assert default.strip("`") == shown_default(setting.default)
    assert setting.kind == "free map" or variable == f"`{setting.variable}`"
    assert all(f"`{choice}`" in row for choice in setting.choices if choice != "rehearsal")


def shown_default(value: object) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if value == "":
        return "empty"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "[]"
    return "none" if value in (None, {}) else str(value)


def test_every_key_of_the_status_is_documented() -> None:
    page = text_of("scripting.md")
    for field in msgspec.structs.fields(StatusReport):
        assert re.search(rf"`{field.name}(\[\])?`", page), field.name


def test_generated_parts_need_their_marks() -> None:
    with pytest.raises(ValueError, match="schema:begin"):
        replaced("a page", "schema", "text")


def test_a_picture_cannot_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        parser().parse_args(["deploy", "--svg", str(tmp_path)])


@pytest.mark.e2e
def test_the_pictures_can_be_drawn_again(tmp_path: Path) -> None:
    draw(tmp_path, speed="300")
    deploy, status = ((tmp_path / name).read_text(encoding="utf-8") for name in ("deploy.svg", "status.svg"))
    assert "k0rdent-azure&#160;deploy" in deploy
    assert "k0s-worker-2" in deploy
    assert "100%" not in deploy
    assert "k0rdent-azure&#160;status" in status
    assert "100%" in status


def test_the_pictures_show_no_machine() -> None:
    for picture in sorted(Path(DOCS / "images").glob("*.svg")):
        assert not re.search(r"/(tmp|home|root|work)/", picture.read_text(encoding="utf-8"))
