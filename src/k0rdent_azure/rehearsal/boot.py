"""`python -I boot.py FOLDERS MODULE WORDS…`: run a module of the package that this file belongs to (`isolated.python`).

The package is found by where this file is, whatever else has its name; `FOLDERS` are searched last.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

PACKAGE = "k0rdent_azure"


def run() -> None:
    folders, module = sys.argv[1:3]
    sys.path += [folder for folder in folders.split(os.pathsep) if folder and folder not in sys.path]
    root = Path(__file__).resolve().parent.parent
    spec = spec_from_file_location(PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)])
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a file that is there has both
    package = module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    sys.argv[:3] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run()
