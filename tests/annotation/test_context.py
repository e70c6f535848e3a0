"""What the label page shows of an image's context on request."""

import making
import pytest

from auditor.annotation.app import context
from auditor.images.containers import walk
from auditor.images.metadata import Metadata
from auditor.types import Sample, Unreadable


def row(**columns):
    return Sample("key", "source", "a.jpg", caption="a cat", url="https://example.org/a.jpg", row=columns)


def test_the_date_names_where_it_comes_from():
    photo = making.encoded("JPEG", exif=making.exif({0x9003: "2014:05:03 10:22:11"}))
    found = context.of_row(row(crawl_date="2019-02-01"), Metadata(walk(photo)))
    assert found["date"] == "2019-02-01 (crawl_date); 2014:05:03 10:22:11 (EXIF)"


@pytest.mark.parametrize("columns", [{}, {"date": None}, {"date": float("nan")}, {"year": ""}, {"timestamp": 3}])
def test_what_is_no_date_is_not_shown(columns):
    assert context.of_row(row(**columns), None)["date"] == ""


@pytest.mark.parametrize(
    ("columns", "page"),
    [
        ({"OriginalLandingURL": "https://example.org/1"}, "https://example.org/1"),
        ({"foreign_landing_url": "https://example.org/2", "page": 3}, "https://example.org/2"),
        ({"page": 3}, ""),
        ({"page_url": float("nan")}, ""),
        ({"page": "<b>\u202e"}, "<b>�"),
    ],
)
def test_the_page_is_found_by_the_columns_that_datasets_use(columns, page):
    assert context.of_row(row(**columns), None)["page"] == page


def test_an_unreadable_row_has_its_file():
    found = context.of_unreadable(Unreadable("key", "source", "a.jpg", "broken"))
    assert found == {"url": "", "caption": "", "page": "", "date": "", "file": "a.jpg"}
    assert context.of_row(row(), None).keys() == found.keys()
