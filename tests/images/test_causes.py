import gzip
import io
import json
import tarfile
import zipfile

import making
import pytest

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import decode
from auditor.images.causes import cause


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"), io.BytesIO())
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


FILES = {
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n": "Git LFS pointer",
    b"/annex/objects/SHA256E-s12--00.jpg\n": "git-annex pointer",
    b"<!DOCTYPE html><html><body>Not found</body></html>": "HTML page",
    b"\xef\xbb\xbf\n  <!-- x -->\n<HTML>": "HTML page",
    b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">': "HTML page",
    b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>': "XML document",
    b"<Error><Code>NoSuchKey</Code></Error>": "XML document",
    b'{"error": "not found"}': "JSON document",
    b'[{"error": 1}]': "JSON document",
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>': "SVG drawing",
    gzip.compress(making.encoded()): "gzip data",
    zipped(): "zip archive",
    tar(): "tar archive",
    b"%PDF-1.7\n": "PDF document",
    b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(40): "video",
    b"\x1a\x45\xdf\xa3" + bytes(40): "video",
    b"RIFF\0\0\0\0AVI LIST": "video",
    bytes(5000): "only zero bytes",
    bytes(5000) + b"x": "begins with zero bytes",
    b"Too many requests. Try again later.": "text",
    "Zu viele Anfragen, bitte später".encode(): "text",
    b"data:image/png;base64,iVBORw0KGgo=": "data: URI",
    b"/9j/4AAQSkZJRgABAQ": "base64",
    b"https://example.org/a.jpg\n": "URL",
    b"\xff\xd8\xff\xe0": "damaged or truncated",
}


@pytest.mark.parametrize("data", FILES, ids=FILES.values())
def test_a_reason_names_what_a_file_is(data):
    with pytest.raises(SampleError, match="not an image in a known format: .*" + FILES[data]):
        decode.header(data, Limits())


def test_a_reason_never_quotes_the_file():
    texts = [f"request {number} was refused".encode() for number in range(3)]
    texts += [json.dumps({"id": number}).encode() for number in range(3)]
    assert len(set(map(cause, texts))) == 2


def test_bytes_that_tell_nothing_get_no_cause():
    assert cause(b"\x01\x02\x03\x04\xfe\xfd\xfc" * 10) is None
