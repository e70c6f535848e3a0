"""The format of a table whose name does not tell it, from its first bytes."""

from __future__ import annotations

from auditor.storage import packed
from auditor.storage.names import starts_like_image

_PEEK = 1 << 16
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}  # Arrow: IPC files, IPC streams


def format_of(url: str) -> str | None:
    """The module of auditor/storage that reads it; None if it looks like no table."""
    head = packed.peek(url, _PEEK)
    for magic, format in _MAGIC.items():
        if head.startswith(magic):
            return format
    if not head or starts_like_image(head) or b"\0" in head:
        return None
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not a character that the peek cuts
            return None
        text = head[: error.start].decode("utf-8-sig")
    if text.lstrip()[:1] in ("{", "["):
        return "json_rows"
    return "url_list"
