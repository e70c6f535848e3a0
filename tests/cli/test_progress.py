"""Progress: what a terminal and a log show, and how the time left is estimated."""

import io
import threading

import making
import pytest
from commands import run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from auditor.progress.displays import Bar, Lines, Nothing, display_for
from auditor.progress.pace import Pace, duration
from auditor.progress.progress import Progress


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rows_rate_and_time_left_of_shards_whose_rows_are_known():
    clock = Clock()
    pace = Pace([100, 300], clock=clock)
    assert str(pace) == "0 of 400 rows (0 %)"
    clock.now = 5
    pace.advance(100)
    assert str(pace) == "100 of 400 rows (25 %), 20 rows/s, about 15 seconds left"


def test_the_rows_of_the_first_tars_tell_how_many_there_are():
    clock = Clock()
    pace = Pace([None] * 10, clock=clock)
    assert (str(pace), pace.total, pace.seconds_left) == ("0 rows", None, None)
    clock.now = 60
    pace.advance(1000)
    pace.advance(2000)
    assert str(pace) == "3,000 of about 15,000 rows (20 %), 50 rows/s, about 4 minutes left"


def test_the_tars_of_an_earlier_run_tell_it_from_the_start():
    pace = Pace([None] * 4, rows_per_shard=500.0, kept_shards=6, clock=Clock())
    assert str(pace) == "0 of about 2,000 rows (0 %)"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5000)), min_size=1, max_size=20), st.integers(0, 20))
def test_in_the_end_the_total_is_what_was_read_and_nothing_is_left(shards, kept):
    clock = Clock()
    known = [rows if is_known else None for is_known, rows in shards]
    pace = Pace(known, rows_per_shard=100.0 if kept else None, kept_shards=kept, clock=clock)
    for number, (_, rows) in enumerate(shards, 1):
        clock.now = number
        pace.advance(rows)
        assert pace.total is None or pace.is_exact or pace.total >= pace.done
    assert pace.total == pace.done == sum(rows for _, rows in shards)
    assert pace.seconds_left in (0, None)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 seconds"), (89, "89 seconds"), (150, "2 minutes"), (9000, "2.5 hours")]
)
def test_times_are_in_a_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_a_log_gets_a_line_at_the_start_and_one_at_every_interval_while_nothing_advances():
    lines, many = [], threading.Event()

    def write(line):
        lines.append(line)
        if len(lines) > 3:
            many.set()

    display = Lines(write, interval=0.01)
    display.start("scanning", Pace([10]))
    assert lines[0] == "scanning 0 of 10 rows (0 %)"
    assert many.wait(10)
    display.stop()
    told = len(lines)
    assert not threading.Event().wait(0.05)
    assert len(lines) == told


def test_a_log_gets_no_second_line_within_the_interval():
    lines = []
    display = Lines(lines.append)
    pace = Pace([5, 5])
    display.start("scanning", pace)
    for _ in range(2):
        pace.advance(5)
        display.update()
    display.stop()
    assert lines == ["scanning 0 of 10 rows (0 %)"]


def test_a_terminal_gets_a_bar_with_rate_and_time_left():
    out, clock = io.StringIO(), Clock()
    bar = Bar(Console(file=out, force_terminal=True, width=100))
    pace = Pace([50, 50], clock=clock)
    bar.start("scanning", pace)
    clock.now = 10
    pace.advance(50)
    bar.update()
    bar._progress.refresh()
    bar.stop()
    assert "50/100" in out.getvalue()
    assert "5.0 rows/s, about 10 seconds left" in out.getvalue()


def test_after_the_last_fetched_image_the_scan_begins_to_count():
    lines = []
    with Progress(quiet=True, display=Lines(lines.append)) as progress:
        progress.fetching(2)
        progress.fetched()
        progress.fetched()
    assert lines == ["fetching 0 of 2 images (0 %)", "scanning 0 rows"]


def test_after_the_last_shard_a_log_says_what_is_left():
    lines, clock = [], Clock()
    with Progress(quiet=True, display=Lines(lines.append)) as progress:
        progress._pace = Pace([None, None], clock=clock)
        clock.now = 2
        progress.advanced(10)
        progress.advanced(20)
    assert lines == ["aggregating 30 rows"]


def test_a_log_that_shows_colours_gets_lines_and_no_bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(display_for(quiet=False), Lines)


def test_quiet_shows_nothing():
    assert isinstance(display_for(quiet=True), Nothing)


def test_a_scan_of_tars_in_a_log_says_how_many_rows_there_may_be(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(2):
        making.tar(tmp_path / f"set/{number}.tar", [(f"{number}{k}.png", making.png(seed=k)) for k in range(2)])
    result = run("scan", "set", "--detectors", "generator-text", "--exit-zero", cwd=tmp_path)
    assert "scanning 0 rows\n" in result.stderr
    assert (
        "scanning"
        not in run(
            "scan", "set", "--detectors", "generator-text", "--exit-zero", "--quiet", "--out", "b", cwd=tmp_path
        ).stderr
    )


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_scan_from_python_shows_progress_where_somebody_watches(tmp_path, monkeypatch, capsys, is_watched):
    import sys

    import auditor
    from auditor.config import Config

    making.write(tmp_path / "set" / "a.png", making.png())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_watched, raising=False)
    auditor.scan(tmp_path / "set", config=Config.of(detectors=("generator-text",)), engine="serial")
    assert ("reading 'set' as folder" in capsys.readouterr().err) == is_watched
