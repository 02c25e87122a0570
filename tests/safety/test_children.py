"""What lies in the folder that a command runs in is neither imported nor started, by us or by what we start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from k0rdent_azure.cli.surroundings import close
from k0rdent_azure.rehearsal import isolated
from tests.e2e.conftest import Product

#: Modules of Python, of packages that we use, and of packages that those would use if they were there.
MODULES = [
    "secrets", "yaml", "asyncio", "sitecustomize", "usercustomize", "json", "ssl", "msgspec", "aiohttp", "asyncssh",
    "rich", "argparse", "brotli", "bcrypt", "aiodns", "uvloop", "typing_extensions", "subprocess", "random", "shlex",
]  # fmt: skip
#: What these find missing, or refuse in a small cluster, is not the question here.
MAY_REFUSE = ("doctor", "rehearse", "replace", "secrets", "validate")
TOOLS = ["k0sctl", "wg", "wg-quick", "sudo", "az", "ssh", "ip", "python", "python3", "bash"]


def lay_traps(folder: Path) -> Path:
    """Modules and programs that leave a mark if they are run; returns the file of the marks."""
    mark = folder / "sprung"
    for name in MODULES:
        (folder / f"{name}.py").write_text(
            f"with open({str(mark)!r}, 'a') as file:\n    file.write('module {name}\\n')\n"
        )
    package = folder / "k0rdent_azure"
    package.mkdir()
    for name in TOOLS:
        (folder / name).write_text(f"#!/bin/sh\necho tool {name} >> {mark}\nexit 1\n")
        (folder / name).chmod(0o755)
    return mark


@pytest.fixture
def trapped(tmp_path: Path) -> Product:
    product = Product(tmp_path)
    product.environ["PATH"] = f":.:{os.environ['PATH']}:"
    return product


def run(product: Product, *words: str, environ: dict[str, str] | None = None) -> None:
    """As a user in the workspace does, with the console script."""
    program = str(Path(sys.executable).with_name("k0rdent-azure"))
    done = subprocess.run(
        [program, *words],
        cwd=product.workspace,
        env=product.env | (environ or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert "Traceback" not in done.stderr, done.stderr
    # 2 would say that there is no such command: nothing was tried.
    assert done.returncode == 0 or (done.returncode != 2 and words[0] in MAY_REFUSE), (
        f"{words}: {done.stdout}{done.stderr}"
    )


@pytest.mark.e2e
def test_no_command_runs_what_lies_in_the_workspace(trapped: Product) -> None:
    run(trapped, "init", "--template", "minimal", "--cloud", "rehearsal", "--yes")
    mark = lay_traps(trapped.workspace)
    try:
        for line in (
            "doctor", "plan", "deploy --yes", "status --refresh",  "validate --hosts", "resume --yes",
            "replace vm/k0s-worker-1 --yes", "snapshot create", "secrets status", "rehearse log",
            "rehearse az-env",
        ):  # fmt: skip
            run(trapped, *line.split())
            assert not mark.exists(), f"{line}: {mark.read_text()}"
        run(trapped, "destroy", "--yes")
    finally:
        trapped.run("rehearse", "stop", expect=None)
    assert not mark.exists(), mark.read_text()


@pytest.mark.e2e
@pytest.mark.parametrize(
    "environ",
    [{"PYTHONPATH": ""}, {"PYTHONPATH": "{}:"}, {"PYTHONSTARTUP": "{}/secrets.py", "PYTHONINSPECT": ""}],
    ids="+".join,
)
def test_a_child_is_not_led_there_by_a_variable(tmp_path: Path, environ: dict[str, str]) -> None:
    mark = lay_traps(tmp_path)
    done = subprocess.run(
        isolated.python("k0rdent_azure.rehearsal.k0sctl", "version"),
        cwd=tmp_path,
        env={**os.environ, **{key: value.format(tmp_path) for key, value in environ.items()}},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "rehears" in done.stdout
    assert not mark.exists(), mark.read_text()


def test_a_child_never_looks_into_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "packages"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), str(other), *sys.path])
    folders = isolated.python("module")[3].split(os.pathsep)
    assert str(other) in folders
    assert str(tmp_path) not in folders
    assert not {"", "."} & set(folders)


def test_a_package_that_only_a_variable_names_is_found_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed with `pip --target` and found by PYTHONPATH: it goes on, and stands for nothing of Python's own."""
    (tmp_path / "only_there.py").write_text("")
    (tmp_path / "secrets.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    python, _, boot, *words = isolated.python("k0rdent_azure.rehearsal.k0sctl", "version")
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('found', __import__('only_there').__name__, flush=True))\n"
        f"sys.argv = {[boot, *words]!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "found only_there" in done.stdout


@pytest.mark.e2e
def test_python_with_m_leaves_the_current_folder_before_it_imports(tmp_path: Path) -> None:
    mark = lay_traps(tmp_path)
    (tmp_path / "k0rdent_azure").rmdir()
    done = subprocess.run(
        [sys.executable, "-m", "k0rdent_azure", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert b"Traceback" not in done.stderr
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("", os.defpath),
        (":", os.defpath),
        (".", os.defpath),
        ("bin:../tools:~/bin", os.defpath),
        (".:/usr/bin::/bin:", "/usr/bin:/bin"),
        ("/usr/bin:node_modules/.bin:/bin", "/usr/bin:/bin"),
    ],
)
def test_only_absolute_folders_stay_on_the_path(path: str, kept: str) -> None:
    environ = {"PATH": path}
    close(environ)
    assert environ["PATH"] == kept
    assert environ["PYTHONSAFEPATH"] == "1"
