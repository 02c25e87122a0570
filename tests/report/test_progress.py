"""Live progress: lines off a terminal, a display on one, silence when asked, a picture for documents."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from k0rdent_azure.report.event_tail import EventTail
from k0rdent_azure.report.phase_rows import phase_rows
from k0rdent_azure.report.progress import Progress
from k0rdent_azure.report.progress_view import Frame, render, waiting_for
from tests.report.states import Data, at, complete, creating, document, state


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")


def with_event(data: Data, action: str, message: str) -> Data:
    event = {"timestamp": at(39), "phase": "vm_creation", "action": action, "message": message}
    return {**data, "events": [*data["events"], event]}


def test_one_line_per_new_event_off_a_terminal() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)
    data = creating()
    progress.update(document(data))
    progress.update(document(data))
    progress.update(document(with_event(data, "vm_created", "answers\x1b[2J over SSH")))
    progress.activity("k0s-controller", "cloud-init running")
    progress.notice("look here")
    progress.notice("look here")
    progress.finish()
    lines = stream.getvalue().splitlines()
    # The first update shows the events of this run, not those from before it.
    assert [line.split()[2] for line in lines[:3]] == [
        "deployment_started",
        "deployment_submitted",
        "vm_created",
    ]
    assert lines[3] == f"{at(39)[11:]}  vm_creation      vm_created               answers over SSH"
    assert [line for line in lines if "look here" in line] == lines[4:]
    assert len(lines) == 5


def test_quiet_says_nothing() -> None:
    for stream in (io.StringIO(), Terminal()):
        progress = Progress(quiet=True, stream=stream)
        progress.update(document(creating()))
        progress.notice("x")
        progress.stopping("y")
        progress.finish()
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_display() -> None:
    stream = Terminal()
    progress = Progress(stream=stream)
    progress.update(document(creating()))
    progress.activity("k0s-controller-3", "waiting for SSH")
    progress.stopping("interrupted: finishing what is under way")
    progress.finish()
    progress.finish()
    text = stream.getvalue()
    assert "vm_creation" in text
    assert "k0s-worker-2" in text
    assert "interrupted: finishing" in text
    assert text.rstrip("\x1b[?25h\n ").count("\x1b[?25l") == 1, "the cursor is hidden once"
    assert "\x1b[?25h" in text, "and shown again"


def test_finish_without_a_start_is_silent() -> None:
    stream = Terminal()
    Progress(stream=stream).finish()
    assert stream.getvalue() == ""


def test_a_reader_that_went_away_does_not_end_the_run() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    progress = Progress(stream=Closed())
    progress.update(document(creating()))
    progress.notice("x")
    progress.finish()


def screen(frame: Frame, *, height: int | None = None, at: float = 0.0, width: int = 100) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(render(frame, width=width, height=height, at=at))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_the_display_says_what_each_vm_does_and_what_is_waited_for() -> None:
    frame = Frame()
    frame.show(state(creating()), at=0.0)
    frame.do("k0s-controller-2", "cloud-init running")
    frame.do("kcm", "installing")
    text = screen(frame)
    assert re.search(r"k0s-controller-2 .*20\.205\.113\.141 +cloud-init running", text)
    assert "waiting for 3 VMs to answer" in text
    assert "kcm  installing" in text
    assert "waiting for Azure's answer" not in text
    frame.stopping = True
    assert "waiting for Azure's answer" in screen(frame)
    frame.do("k0s-controller-2", "")
    assert "cloud-init running" not in screen(frame)


def test_the_current_phase_counts_in_cloud_seconds_on_top_of_earlier_runs() -> None:
    frame = Frame()
    frame.show(state(creating()), at=100.0)
    frame.show(state(spent(130.1)), at=101.0)
    # 130 s before, and 1 real second at 60x.
    assert "3m 10s" in screen(frame, at=102.0)
    frame.finish(at=103.0)
    assert "4m 10s" in screen(frame, at=999.0)


def test_a_commit_does_not_count_the_phase_twice_and_the_clock_never_goes_back() -> None:
    frame, seen = Frame(), []
    frame.show(state(creating()), at=100.0)
    for second in range(1, 60):
        # Each commit records what the phase took until then: rounded, so now and then a little less than was shown.
        frame.show(state(spent(130.0 + 60 * second - 0.04)), at=100.0 + second)
        seen += [shown(frame, at=100.0 + second + part) for part in (0.0, 0.3, 0.6, 0.999)]
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(130.0 + 60 * 59.999, abs=0.1)


def test_a_phase_that_a_killed_run_left_open_waits_until_this_run_comes_to_it() -> None:
    frame = Frame()
    left = creating()
    frame.show(state(left), at=0.0)
    assert shown(frame, at=5.0) == 130.0
    earlier = creating()
    earlier["metadata"]["deployment_phase"] = "preparation"
    frame.show(state(earlier), at=5.0)
    assert shown(frame, at=9.0) == 130.0
    frame.show(state(spent(130.0)), at=9.0)
    frame.show(state(spent(130.6)), at=9.01)
    assert shown(frame, at=10.01) == pytest.approx(190.6)


def spent(seconds: float) -> Data:
    """While VMs boot, with what the phase took until the last commit."""
    data = creating()
    data["phases"]["vm_creation"]["seconds"] = seconds
    return data


def shown(frame: Frame, *, at: float) -> float:
    """Cloud seconds of the phase that creates VMs, as the display has them."""
    assert frame.state is not None
    (row,) = [each for each in phase_rows(frame.state) if each.name == "vm_creation"]
    return frame.seconds(row, at) or 0.0


def test_a_finished_phase_shows_what_it_took() -> None:
    frame = Frame()
    frame.show(state(complete()), at=0.0)
    assert "7m 13s" in screen(frame, at=50.0)


def test_what_is_waited_for() -> None:
    frame = Frame()
    assert waiting_for(frame) == "the current step"
    data = creating()
    data["pending_operations"] = {}
    frame.show(state(data), at=0.0)
    assert waiting_for(frame) == "vm_creation: waiting for 3 VMs to answer"
    data["pending_operations"] = {
        "k0sctl-apply": {"kind": "k0sctl_apply", "target": "x", "started_at": at(1)}
    }
    frame.show(state(data), at=0.0)
    assert waiting_for(frame).startswith("k0sctl to end")


def test_many_vms_fit_the_screen_and_the_busy_ones_are_shown() -> None:
    data = creating()
    vms = data["azure_resources"]["virtual_machines"]
    for index in range(3, 51):
        vms[f"k0s-worker-{index}"] = vms["k0s-worker-1"]
    frame = Frame()
    frame.show(state(data), at=0.0)
    frame.do("k0s-worker-37", "joining")
    text = screen(frame, height=24)
    assert len(text.splitlines()) <= 24
    assert "k0s-worker-37" in text
    assert re.search(r"and \d+ more, 0 of them ready", text)
    assert len(re.findall(r"^k0s-", screen(frame), re.MULTILINE)) == 53


def test_a_picture_is_kept_up_to_date(tmp_path: Path) -> None:
    picture = tmp_path / "deploy.svg"
    progress = Progress(quiet=True, picture=picture)
    progress.update(document(creating()))
    assert "vm_creation" in picture.read_text()
    assert "k0rdent-azure&#160;deploy" in picture.read_text() or "k0rdent-azure deploy" in picture.read_text()
    progress.notice("the end")
    progress.finish()
    assert "the&#160;end" in picture.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["deploy.svg"]


def test_a_picture_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream, picture=tmp_path / "no" / "such" / "folder.svg")
    progress.update(document(creating()))
    progress.update(document(creating()))
    progress.finish()
    assert stream.getvalue().count("no picture") == 1


def test_events_are_followed_across_sealing() -> None:
    data = creating()
    tail = EventTail()
    tail.added(state(data))
    assert tail.added(state(data)) == []
    data = with_event(data, "one", "1")
    assert [event.action for event in tail.added(state(data))] == ["one"]
    sealed = with_event(data, "two", "2")
    sealed["events"] = sealed["events"][-2:]
    assert [event.action for event in tail.added(state(sealed))] == ["two"]


def test_the_first_events_of_an_empty_trail_are_new() -> None:
    data = creating()
    data["events"] = []
    tail = EventTail()
    assert tail.added(state(data)) == []
    assert [event.action for event in tail.added(state(with_event(data, "one", "1")))] == ["one"]
