"""Label files: labels are read back unchanged, and errors are reported with their line."""

import multiprocessing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.annotation.file import (
    COLUMNS,
    Annotation,
    HumanLabel,
    ToDo,
    append,
    obfuscate_stratum,
    read,
    replace,
    write,
)
from auditor.errors import LabelError
from auditor.types import VerdictKind

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(str.strip)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
ANSWERS = st.lists(
    st.builds(Annotation, KEYS, WORDS, st.sampled_from(HumanLabel), WORDS, WORDS, sha256=st.sampled_from(["", "ab"])),
    unique_by=lambda answer: (answer.key, answer.labeller),
    max_size=4,
)
LETTERS = "abcdefghABCD"
ONE = Annotation("a.jpg", "unknown", HumanLabel.REAL, "page", "ann")


@given(ANSWERS)
def test_what_is_written_is_read(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    write(path, answers, todo=[ToDo("still to do", "unknown")])
    assert read(path) == answers


@examples(25)
@given(ANSWERS)
def test_what_is_appended_is_read_and_can_be_taken_back(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    for answer in answers:
        append(path, answer)
    if answers:
        assert read(path) == answers
        path.unlink()
        append(path, *answers)
        assert read(path) == answers
        replace(path, {answers[0].key}, answers[0].labeller)
        assert read(path) == answers[1:]


def test_a_files_own_columns_stay(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("Note,Label,KEY,labeller,how,stratum\nlook again,real,a.jpg,ann", "utf-8-sig")
    append(path, Annotation("b.jpg", "unknown", HumanLabel.SYNTHETIC, "page", "ann"))
    replace(path, {"a.jpg"}, "ann")
    append(path, ONE)
    assert path.read_text() == (
        "Note,Label,KEY,labeller,how,stratum\n,synthetic,b.jpg,ann,page,unknown\n,real,a.jpg,ann,page,unknown\n"
    )
    assert [answer.key for answer in read(path)] == ["b.jpg", "a.jpg"]


def test_two_labellers_may_differ_and_a_repeated_label_is_one(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("key,label,labeller\na,real,ann\na,synthetic,bob\na,REAL ,ann\n\nb,,ann\n")
    assert [(answer.label, answer.labeller) for answer in read(path)] == [("real", "ann"), ("synthetic", "bob")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "line 1: no column 'key'"),
        (b"key;label\na;real\n", "line 1: columns are separated by ';'"),
        (b"key\tlabel\na\treal\n", "line 1: columns are separated by"),
        (b"key\na\n", "line 1: no column 'label'"),
        (b"key,label,key\na,real,b\n", "two columns named 'key'"),
        (b"key,label\na,real\nb,fake\n", "line 3: the label must be one of synthetic, real, unsure, .*got 'fake'"),
        (b'key,label\n"a\nb",real\n,real\n', "line 4: no key"),
        (
            b"key,label,labeller\na,real,ann\nb,real,ann\na,synthetic,ann\n",
            "line 4: ann labelled 'a' synthetic.*line 2",
        ),
        (b"key,label\na,real\na,unsure\n", "line 3: one annotator labelled 'a' unsure"),
        (b'key,label\n"a,real\n', "line 2: not CSV"),
        (b"key,label\n\xff\xfe,real\n", "not in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not in UTF-8"),
        (b"key,label\na\0b,fake\n", "line 2"),
    ],
)
def test_what_is_no_label_file_is_named_with_its_line(tmp_path, content, why):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(LabelError, match=why) as found:
        read(path)
    assert str(found.value).startswith(str(path))


def test_a_sealed_stratum_is_read_and_does_not_show(tmp_path):
    path = tmp_path / "labels.csv"
    strata = {f"{number}.jpg": list(VerdictKind)[number % 5].value for number in range(20)}
    write(
        path,
        [],
        todo=[ToDo(key, obfuscate_stratum(key, stratum)) for key, stratum in strata.items()],
    )
    text = path.read_text()
    assert not any(label in text for label in VerdictKind)
    assert len(set(text.splitlines())) == 21
    path.write_text(text.replace(",,sealed", ",real,sealed"))
    assert {answer.key: answer.stratum for answer in read(path)} == strata
    path.write_text(path.read_text().replace("3.jpg", "x.jpg"))
    with pytest.raises(LabelError, match="line 5: the stratum belongs to another key"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"none\.csv: No such file"):
        read(tmp_path / "none.csv")


def test_a_label_is_not_appended_to_what_is_no_label_file(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("some notes\n")
    with pytest.raises(LabelError, match="no column 'key'"):
        append(path, ONE)
    assert path.read_text() == "some notes\n"


def _label_much(path, labeller):
    for letter in LETTERS:
        append(path, Annotation(letter, "", HumanLabel.REAL, "", labeller))
        if letter.isupper():
            replace(path, {letter}, labeller)


def test_two_labellers_write_into_one_file_at_once(tmp_path):
    path = tmp_path / "labels.csv"
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_label_much, args=(path, name)) for name in ("ann", "bob")]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    found = read(path)
    for name in ("ann", "bob"):
        assert [answer.key for answer in found if answer.labeller == name] == list("abcdefgh")
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("header", ["key,label", "key,label,stratum,how", "key,label,labeller"])
def test_a_label_is_not_appended_where_a_part_of_it_would_be_lost(tmp_path, header):
    path = tmp_path / "labels.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(LabelError, match="no column"):
        append(path, ONE)
    with pytest.raises(LabelError, match="no column"):
        replace(path, {ONE.key}, ONE.labeller, ONE)
    assert path.read_text() == f"{header}\n"


def test_a_file_of_blank_lines_is_begun_like_an_empty_one(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("\n\n")
    append(path, ONE)
    assert read(path) == [ONE]


def test_a_label_that_does_not_fit_on_the_disk_leaves_no_half_line(tmp_path):
    import resource
    import subprocess
    import sys

    from commands import environment

    path = tmp_path / "labels.csv"
    append(path, Annotation("a", "unknown", HumanLabel.REAL))
    before = path.read_bytes()
    script = (
        "import sys, pathlib; from auditor.annotation.file import Annotation, HumanLabel, append\n"
        "append(pathlib.Path(sys.argv[1]), Annotation('b' * 50, 'unknown', HumanLabel.REAL))"
    )
    limit = len(before) + 10
    result = subprocess.run(
        [sys.executable, "-c", script, path], env=environment(), capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert "LabelError" in result.stderr
    assert path.read_bytes() == before
