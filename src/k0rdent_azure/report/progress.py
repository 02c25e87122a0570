"""Live progress of `deploy`, `resume` and `destroy`: a display on a terminal, one plain line per event elsewhere.

It only looks: it is given documents and texts, changes nothing, and asks nobody.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from k0rdent_azure.clock import timestamp
from k0rdent_azure.report.event_tail import EventTail
from k0rdent_azure.report.progress_view import Frame, render, waiting_for
from k0rdent_azure.report.screen import width_instead
from k0rdent_azure.report.text import clean
from k0rdent_azure.report.timeline import plain_line
from k0rdent_azure.state.document import Document

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_REFRESHES_PER_SECOND = 6
#: Real seconds between two pictures of the same run; drawing one takes a few hundredths.
_PICTURE_EVERY = 0.5


class Progress:
    """What a run tells its observer. All methods are cheap, safe to call in any order, and never raise on output.

    `quiet` shows nothing at all (`--quiet`, `--json`). Everything goes to `stream`, stderr unless given: live
    where that is a terminal, lines elsewhere. `picture` is a file that is kept up to date with the display
    as SVG, 110 columns wide, whatever `stream` is (also when quiet).
    """

    def __init__(
        self, *, quiet: bool = False, stream: TextIO | None = None, picture: Path | None = None
    ) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._is_live = not quiet and self._stream.isatty()
        self._frame = Frame()
        self._tail = EventTail()
        self._live: Live | None = None
        self._picture = picture
        self._drawn = 0.0
        self._finished = False

    def update(self, document: Document) -> None:
        """A commit happened: `document` is the newest."""
        state = document.state
        self._frame.show(state, at=time.monotonic())
        if self._is_live:
            self._start()
        elif not self._quiet:
            for event in self._tail.added(state):
                self._line(plain_line(event))
        self._draw()

    def activity(self, resource: str, text: str) -> None:
        """What is being done with a VM (or another resource) now; an empty text: nothing."""
        self._frame.do(resource, text)

    def notice(self, text: str) -> None:
        """Something the user should read. The same text twice is said once."""
        if not self._frame.note(text) or self._quiet:
            return
        if self._is_live:
            self._start()
        else:
            self._line(f"{_now()}  {clean(text)}")

    def stopping(self, text: str) -> None:
        """The user asked to stop: `text` says what happens, and from now on the display says what it waits for."""
        self._frame.stopping = True
        self.notice(text)
        if not self._quiet and not self._is_live:
            self._line(f"{_now()}  waiting for {waiting_for(self._frame)}")

    def finish(self) -> None:
        """The run is over: leave the last screen standing. Safe to call twice."""
        self._finished = True
        self._frame.finish(at=time.monotonic())
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._drawn = 0.0
        self._draw()

    def svg(self) -> str:
        """The display as a picture, whether it is shown or not."""
        from k0rdent_azure.report.picture import WIDTH, svg

        screen = render(self._frame, width=WIDTH, height=None, at=time.monotonic())
        run = self._frame.state.metadata.run if self._frame.state else None
        return svg(screen, title=f"k0rdent-azure {clean(run.command) if run else 'deploy'}")

    def _start(self) -> None:
        if self._live is not None or self._finished:
            return
        from rich.live import Live

        console = self._console()
        self._live = Live(
            console=console,
            get_renderable=lambda: self._screen(console),
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def _console(self) -> Console:
        from rich.console import Console

        return Console(
            file=self._stream, width=width_instead(self._stream), markup=False, emoji=False, highlight=False
        )

    def _screen(self, console: Console) -> RenderableType:
        return render(
            self._frame,
            width=console.width,
            height=console.height,
            at=time.monotonic(),
            ascii_only=console.options.ascii_only,
        )

    def _line(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            self._stream.flush()
        except OSError:
            # Whoever read the progress went away; the run itself goes on.
            self._quiet = True

    def _draw(self) -> None:
        if self._picture is None or time.monotonic() - self._drawn < _PICTURE_EVERY:
            return
        self._drawn = time.monotonic()
        new = self._picture.with_name(self._picture.name + ".new")
        try:
            new.write_text(self.svg(), encoding="utf-8")
            new.replace(self._picture)
        except OSError as error:
            self._picture = None
            self.notice(f"no picture of the progress: {error.strerror}")


def _now() -> str:
    return timestamp(datetime.now(UTC)).partition("T")[2]
