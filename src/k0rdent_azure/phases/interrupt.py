"""Ctrl-C and SIGTERM: once means "at the next safe point", twice means "now"."""

from __future__ import annotations

import asyncio
import signal

from k0rdent_azure.clock import Clock
from k0rdent_azure.errors import InterruptedRunError, TerminatedRunError


class Interrupt:
    """Asked at every safe point: between steps, and in every wait (which ends at once when asked to stop)."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._signal = signal.SIGINT

    @property
    def requested(self) -> bool:
        return self._asked.is_set()

    def request(self, signum: signal.Signals = signal.SIGINT) -> None:
        """Start nothing new from now on. The first signal decides the exit code."""
        if not self.requested:
            self._signal = signum
            self._asked.set()

    def error(self) -> InterruptedRunError | TerminatedRunError:
        """What the run ends with: exit code 130 after Ctrl-C, 143 after SIGTERM."""
        if self._signal is signal.SIGTERM:
            return TerminatedRunError("terminated; everything done so far is recorded")
        return InterruptedRunError("interrupted; everything done so far is recorded")

    def checkpoint(self) -> None:
        """Raise where the run was asked to stop; a safe point calls this."""
        if self.requested:
            raise self.error()

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait for cloud seconds, or until asked to stop; a safe point."""
        self.checkpoint()
        asked = asyncio.ensure_future(self._asked.wait())
        waiting = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait((asked, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            waiting.cancel()
        self.checkpoint()
