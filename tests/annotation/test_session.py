"""A session of labelling: whatever is labelled one by one, by page or taken back, the file is what the estimate needs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.annotation import file
from auditor.annotation.app.session import LATER, PAGE_IMAGES, Answer, OutOfTurn, Session
from auditor.annotation.file import HumanLabel
from auditor.annotation.sample import AnnotationItem
from auditor.evidence_store.selection import RowRef
from auditor.types import VerdictKind

DRAWN = [AnnotationItem(f"{number}.jpg", VerdictKind.UNKNOWN, RowRef("a", number), None) for number in range(30)]
REAL, SYNTHETIC, UNSURE = HumanLabel.REAL, HumanLabel.SYNTHETIC, HumanLabel.UNSURE

MARKS = st.sampled_from([(REAL, "looks"), (SYNTHETIC, "looks"), (UNSURE, LATER), (UNSURE, "looks"), (REAL, "date")])
STEPS = st.lists(
    st.one_of(
        st.lists(MARKS, min_size=1, max_size=PAGE_IMAGES),  # one image, or a page of them
        st.just("undo"),
        st.just("restart"),
    ),
    max_size=25,
)


def labels(path: Path) -> dict[str, tuple[HumanLabel, str]]:
    return {a.key: (a.label, a.how) for a in file.read(path)} if path.exists() else {}


@examples(100)
@given(STEPS)
def test_labelled_images_are_the_first_of_the_order_after_every_step(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("session") / "labels.csv"
    session, before = Session(path, DRAWN, "A"), []
    for step in steps:
        if step == "restart":
            session = Session(path, DRAWN, "A")
            order = [item.key for item in DRAWN if item.key in labels(path)]
            before = [{key: labels(path)[key] for key in order[:n]} for n in range(len(order))]
        elif step == "undo":
            session.undo()
            assert labels(path) == (before.pop() if before else {})
        else:
            progress = session.progress
            numbers = progress.queue[: progress.waiting or PAGE_IMAGES][: len(step)]
            if not numbers:
                continue
            before.append(labels(path))
            session.answer(*(Answer(n, *mark) for n, mark in zip(numbers, step, strict=False)))
        found, progress = labels(path), session.progress
        assert set(found) == {item.key for item in DRAWN[: len(found)]}
        waiting = [n for n, item in enumerate(DRAWN) if found.get(item.key) == (UNSURE, LATER)]
        assert progress.waiting == len(waiting) <= PAGE_IMAGES
        assert list(progress.queue) == [*waiting, *range(len(found), len(DRAWN))][: 2 * PAGE_IMAGES]
        assert progress.done == len(found) - len(waiting)


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (1, 0), (0, 0), (0, 1, 2, 4)])
def test_no_image_of_the_order_is_passed_over(tmp_path, numbers):
    session = Session(tmp_path / "labels.csv", DRAWN, "A")
    with pytest.raises(OutOfTurn):
        session.answer(*(Answer(number, REAL, "looks") for number in numbers))
    assert labels(session.path) == {}


@pytest.mark.parametrize("numbers", [(2,), (1, 2), (0,)])
def test_nothing_new_is_labelled_while_an_image_waits_for_a_closer_look(tmp_path, numbers):
    session = Session(tmp_path / "labels.csv", DRAWN, "A")
    session.answer(Answer(0, REAL, "looks"), Answer(1, UNSURE, LATER))
    with pytest.raises(OutOfTurn):
        session.answer(*(Answer(number, REAL, "looks") for number in numbers))
    assert session.answer(Answer(1, SYNTHETIC, "page")).queue[0] == 2
    assert labels(session.path) == {"0.jpg": (REAL, "looks"), "1.jpg": (SYNTHETIC, "page")}


def test_a_page_that_cannot_be_saved_changes_nothing(tmp_path):
    session = Session(tmp_path / "labels.csv", DRAWN, "A")
    session.answer(Answer(0, UNSURE, LATER))
    content = session.path.read_bytes()
    session.path.write_text("something else")
    for action in (lambda: session.answer(Answer(0, REAL, "looks")), session.undo):
        with pytest.raises(file.LabelError, match="no column 'key'"):
            action()
    session.path.write_bytes(content)
    assert (session.progress.waiting, session.progress.queue[0]) == (1, 0)


def test_undoing_a_closer_look_leaves_the_image_for_one_again(tmp_path):
    session = Session(tmp_path / "labels.csv", DRAWN, "A")
    session.answer(Answer(0, UNSURE, LATER), Answer(1, REAL, "looks"))
    session.answer(Answer(0, SYNTHETIC, "looks"))
    assert session.undo().waiting == 1
    assert labels(session.path) == {"0.jpg": (UNSURE, LATER), "1.jpg": (REAL, "looks")}
    assert session.undo().queue[:2] == [0, 1]
    assert labels(session.path) == {}
