"""A screen as an SVG picture, for documents: no font is fetched, and the same screen gives the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 110

#: rich's own frame without its web fonts; any monospaced font does, since each run of text has its length set.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def svg(screen: RenderableType, *, title: str, width: int = WIDTH) -> str:
    """`screen` as a terminal of `width` columns would show it."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        no_color=False,
        highlight=False,
    )
    console.print(screen)
    # The frame cuts the lowest line's descenders; an empty one has none.
    console.print()
    return console.export_svg(title=title, theme=MONOKAI, code_format=_FORMAT, unique_id="k0rdent-azure")
