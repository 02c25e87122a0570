"""Remakes the parts of the documentation that follow from the code: `python -m docs.generate [PART…]`.

    schema     docs/state-schema.md and the JSON Schema, from state/model.py (quick; a test keeps them current)
    resources  docs/resources.md, from the ARM template (quick; a test keeps it current)
    calls      the tables in docs/arm-calls.md, measured on the rehearsal cloud (two deployments)
    pictures   docs/images/*.svg, drawn by the program itself (one deployment)

A generated part stands between `<!-- PART:begin -->` and `<!-- PART:end -->`; what is around it is written by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PARTS = ("schema", "resources", "calls", "pictures")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.generate")
    parser.add_argument("parts", metavar="PART", nargs="*", help=f"{', '.join(PARTS)} (default: all)")
    parts = parser.parse_args().parts or PARTS
    for part in parts:
        if part not in PARTS:
            parser.error(f"no part is called {part!r}: {', '.join(PARTS)}")
    if "schema" in parts:
        from docs.schema import JSON_SCHEMA, json_schema, schema

        put(DOCS / "state-schema.md", "schema", schema())
        JSON_SCHEMA.write_text(json_schema(), encoding="utf-8")
    if "resources" in parts:
        from docs.sent import resources

        put(DOCS / "resources.md", "resources", resources())
    if "calls" in parts:
        from docs.rehearsed import calls

        put(DOCS / "arm-calls.md", "calls", calls())
    if "pictures" in parts:
        from docs.rehearsed import draw

        draw(DOCS / "images")


def put(page: Path, part: str, text: str) -> None:
    """Replace the generated part of a page."""
    page.write_text(replaced(page.read_text(encoding="utf-8"), part, text), encoding="utf-8")


def replaced(page: str, part: str, text: str) -> str:
    """The page with `text` between the marks of `part`. Raises ValueError where it has no such marks."""
    begin, end = f"<!-- {part}:begin -->\n", f"<!-- {part}:end -->\n"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page has no part between {begin.strip()} and {end.strip()}")
    return f"{before}{begin}\n{text.strip()}\n\n{end}{after}"


if __name__ == "__main__":
    main()
