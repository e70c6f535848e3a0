"""Impossible arguments of the Python functions raise an AuditorError that names the argument."""

import making
import pytest

import auditor
from auditor.config import Config, Limits


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    for number in range(3):
        making.write(folder / f"images/{number}.png", making.png(seed=number))
    auditor.scan(folder / "images", out=folder / "audit", engine="serial", config=Config.of(depth="file"))
    return folder / "audit"


@pytest.mark.parametrize("jobs", [0, -2, 1.5, True])
def test_a_number_of_workers_is_positive(audit, jobs):
    with pytest.raises(auditor.AuditorError, match="`jobs` must be a whole number"):
        auditor.scan(audit.parent / "images", jobs=jobs)


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_seconds"])
@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), "9", None, True])
def test_limits_are_numbers_above_0(name, limit):
    with pytest.raises(auditor.AuditorError, match=f"`{name}` must be a"):
        Limits(**{name: limit})
    with pytest.raises(auditor.AuditorError, match=f"`{name}` must be a"):
        Config.of(**{name: limit})


def test_an_audit_is_not_written_to_a_file(audit):
    path = making.write(audit.parent / "file", "text")
    with pytest.raises(auditor.AuditorError, match="is a file: an audit is written to a folder"):
        auditor.scan(audit.parent / "images", out=path)


def test_at_least_one_image_is_drawn(audit):
    with pytest.raises(auditor.AuditorError, match="`number` must be at least 1"):
        auditor.draw(audit, 0)


def test_formats_are_known(audit):
    for wrong in (auditor.export, lambda out, format: auditor.export_subgroups(out, "source", format)):
        with pytest.raises(auditor.AuditorError, match="must be one of csv, jsonl, got 'xlsx'"):
            wrong(audit, "xlsx")


def test_fractions_and_lists_of_a_keep_list_are_checked(audit):
    for wrong in ({"target": -0.1}, {"target": 2}, {"drop_sources": "a"}):
        (name,) = wrong
        with pytest.raises(auditor.AuditorError, match=f"`{name}` must be"):
            auditor.keep_list(audit, **wrong)


def test_one_folder_is_no_merge(audit):
    with pytest.raises(auditor.AuditorError, match="merging needs two audits"):
        auditor.merge(str(audit), audit.parent / "both")
