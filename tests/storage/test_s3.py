"""An audit on S3, as processes of this machine write it."""

import fsspec
import making
import pytest
import stores
from commands import KEPT, last, run, unnamed

from auditor.storage.remote import RemoteFolder

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("default")]  # warnings: botocore's own


@pytest.fixture(scope="module")
def bucket():
    if why := stores.missing():
        pytest.skip(why)
    with stores.s3() as url:
        yield url


@pytest.fixture
def dataset(tmp_path):
    for number in range(3):
        making.write(tmp_path / f"data/{number}.csv", f"id,url,text\n{number},http://x.org/{number},a --ar 1:1\n")
    return tmp_path / "data"


def test_workers_write_the_bytes_of_a_local_folder(bucket, dataset, tmp_path):
    run("scan", "data", "--out", "here", "-q", cwd=tmp_path)
    run("scan", "data", "--out", f"{bucket}/audit", "--engine", "processes", "-j", "2", "-q", cwd=tmp_path)
    fs, root = fsspec.core.url_to_fs(f"{bucket}/audit")
    there = {path[len(root) + 1 :]: unnamed(fs.cat_file(path)) for path in fs.find(root) if KEPT not in path}
    here = tmp_path / "here"
    files = (path for path in here.rglob("*") if path.is_file() and KEPT not in path.name)
    assert there == {str(path.relative_to(here)): unnamed(path.read_bytes()) for path in files}
    again = run("scan", "data", "--out", f"{bucket}/audit", cwd=tmp_path)
    assert "3 rows are already done" in again.stderr


def test_an_object_is_created_once(bucket):
    folder = RemoteFolder(f"{bucket}/lock")
    assert [folder.create("x", content) for content in (b"first", b"second")] == [True, False]
    assert folder.read("x") == b"first"


def test_a_bucket_that_does_not_exist_is_an_error_and_is_not_made(bucket, dataset, tmp_path):
    result = run("scan", "data", "--out", "s3://elsewhere/audit", cwd=tmp_path)
    assert result.returncode == 3
    assert "s3://elsewhere/audit" in last(result)
    assert not fsspec.filesystem("s3").exists("s3://elsewhere")
