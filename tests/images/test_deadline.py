"""Time limits of steps, also inside each other."""

import signal
import time

import pytest

from auditor.images.deadline import TooSlow, deadline


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_step_that_takes_too_long_is_interrupted():
    begin = time.monotonic()
    with pytest.raises(TooSlow), deadline(0.05):
        spin(5)
    assert time.monotonic() - begin < 1


def test_an_inner_limit_ends_the_inner_step_only():
    with deadline(5):
        with pytest.raises(TooSlow), deadline(0.05):
            spin(5)
        spin(0.05)


def test_an_outer_limit_holds_inside_an_inner_step():
    with pytest.raises(TooSlow), deadline(0.05), deadline(5):
        spin(5)


def test_an_outer_limit_holds_after_an_inner_step():
    def inner_then_long():
        with deadline(0.1):
            pass
        spin(5)

    with pytest.raises(TooSlow), deadline(0.2):
        inner_then_long()


def test_nothing_is_left_behind():
    before = signal.getsignal(signal.SIGALRM)
    with deadline(0.05):
        pass
    spin(0.1)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
