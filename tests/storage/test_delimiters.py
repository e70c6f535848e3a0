"""The delimiter of a text table is guessed from its header and first rows, or given."""

import making
import pytest

from auditor.config import ReadOptions
from auditor.errors import ConfigError, DatasetError
from auditor.types import Sample

JPEG = making.encoded()


@pytest.fixture
def captions(tmp_path, read_all):
    """The captions of the images of a table, by name, from its text."""
    for n in range(3):
        making.write(tmp_path / f"{n}.jpg", JPEG)

    def read(text, name="list.csv", **options):
        _, rows = read_all(making.write(tmp_path / name, text), **options)
        return [(row.image, row.caption) if isinstance(row, Sample) else None for row in rows]

    return read


EXPECTED = [("0.jpg", "a, b; c"), ("1.jpg", "d|e")]


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.psv", "list.txt"])
@pytest.mark.parametrize("header", ["file_name{0}text", "file_name{0}text (short; long, or none)"])
@pytest.mark.parametrize("delimiter", "\t|;,")
def test_the_header_and_the_first_rows_tell(captions, name, header, delimiter):
    cells = [[header.partition("{")[0], header.partition("}")[2]], *EXPECTED]
    quote = "" if delimiter == "\t" else '"'
    text = "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in cells)
    assert [caption for _, caption in captions(text, name, caption_col=cells[0][1])] == ["a, b; c", "d|e"]


def test_a_comma_in_the_header_and_in_every_caption_is_no_delimiter(captions):
    text = "image\ttext, long\n0.jpg\ta, b\n1.jpg\tc, d\n"
    assert captions(text, caption_col="text, long") == [("0.jpg", "a, b"), ("1.jpg", "c, d")]


def test_one_column_has_no_delimiter(captions):
    assert captions("file_name\n0.jpg\n1.jpg\n") == [("0.jpg", None), ("1.jpg", None)]


def test_a_spreadsheets_first_line_names_the_delimiter(captions):
    assert captions("\ufeffsep=;\r\nfile_name;text\r\n0.jpg;a,b\r\n1.jpg;c,d\r\n") == [
        ("0.jpg", "a,b"),
        ("1.jpg", "c,d"),
    ]
    assert captions('"sep=|"\nfile_name|text\n0.jpg|a\n') == [("0.jpg", "a")]


def test_quotes_of_tab_separated_text_are_text_unless_they_are_doubled(captions):
    assert captions('file_name\ttext\n0.jpg\t"a" b\n1.jpg\t"c\n', "list.tsv") == [("0.jpg", '"a" b'), ("1.jpg", '"c')]
    assert captions('file_name\ttext\n0.jpg\t"say ""hi"""\n1.jpg\tc\n', "list.tsv") == [
        ("0.jpg", 'say "hi"'),
        ("1.jpg", "c"),
    ]


def test_a_row_of_another_width_does_not_mislead(captions):
    assert captions("file_name,text\n0.jpg,a;b\n1.jpg\n2.jpg,c\n") == [("0.jpg", "a;b"), None, ("2.jpg", "c")]


@pytest.mark.parametrize(("given", "delimiter"), [("^", "^"), ("tab", "\t"), ("\\t", "\t"), (":", ":")])
def test_the_delimiter_can_be_given(captions, given, delimiter):
    text = f"file_name{delimiter}text, long\n0.jpg{delimiter}a, b\n"
    assert captions(text, delimiter=given, caption_col="text, long") == [("0.jpg", "a, b")]


@pytest.mark.parametrize("given", ["", ";;", "\n", '"'])
def test_a_delimiter_is_one_character(given):
    with pytest.raises(ConfigError, match="delimiter"):
        ReadOptions(delimiter=given)


def test_a_wrong_delimiter_is_an_error_that_shows_the_columns(captions):
    with pytest.raises(DatasetError, match=r"file_name,text"):
        captions("file_name,text\n0.jpg,a\n", delimiter=";")
