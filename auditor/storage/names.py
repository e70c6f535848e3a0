"""What a file is, by its name and, where the name does not tell, by its first bytes. Pure.

The content of a file decides whether it is an image (images/decode.py). Names only decide which files are opened: a
file with the name of an image that is not one becomes an unreadable row with a reason.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from unicodedata import normalize
from urllib.parse import unquote

# Names that browsers, downloaders and cameras give to images, and formats that Pillow decodes or whose metadata can be
# read without a decoder (HEIF: ISO/IEC 23008-12; JPEG XL: ISO/IEC 18181-2).
IMAGE_SUFFIXES = frozenset(
    "jpg jpeg jpe jfif jif jfi pjpeg pjp jpg_large jpg_small jpg_orig png apng webp gif bmp dib tif tiff avif heic "
    "heif heics heifs hif jxl jp2 j2k jpf jpx mpo ppm pgm pbm pnm ico".split()
)
SIDECAR_SUFFIXES = ("txt", "caption", "text", "json")  # of texts beside images
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.lz4")
# Suffixes of files that are no images; they are not opened to find out.
_TEXTS = frozenset("txt caption text json jsonl ndjson csv tsv parquet arrow feather".split())
_DATASETS = frozenset(
    "zip gz bz2 xz zst lz4 tgz tbz2 txz tzst 7z rar tar npy npz pt pth pkl ckpt safetensors onnx bin h5 hdf5 mdb mds "
    "tfrecord tfrecords beton rec idx index db sqlite lmdb msgpack avro orc xls xlsx ods".split()
)
_COMPANION_SUFFIXES = frozenset(
    "md rst html htm xml yaml yml toml ini cfg lock py ipynb sh js css log pdf doc docx sha256 sha1 md5 sum crc".split()
)
_MEDIA = frozenset("mp4 webm mov mkv avi m4v mp3 wav flac ogg svg eps ai psd".split())
_OTHER_SUFFIXES = _TEXTS | _DATASETS | _COMPANION_SUFFIXES | _MEDIA
# Folders and files that systems and tools leave beside data; all other names that begin with a dot are hidden too.
_HIDDEN = frozenset(
    "__macosx __pycache__ _temporary _delta_log thumbs.db desktop.ini ehthumbs.db $recycle.bin @eadir".split()
)
_COMPANIONS = frozenset(
    "readme license licence copying notice citation authors changelog contributing dataset_info dataset_infos "
    "dataset_dict index state checksums sha256sums md5sums manifest _success requirements".split()
)
UNREAD_DATASET = "archive or dataset in an unsupported format"
MIN_BASE64 = 64  # characters; paths are seldom longer, and no image is as small
URL_SAFE = str.maketrans("-_", "+/")  # of base64 (RFC 4648, section 5)
# Beginnings of base64 of what starts_like_image knows, in both alphabets.
_BASE64_HEADS = (
    "/9j/",
    "_9j_",
    "iVBO",
    "R0lG",
    "UklG",
    "SUkq",
    "SUkr",
    "TU0A",
    "AAAA",
    "/wr",
    "/wo",
    "_wr",
    "_wo",
    "/0//",
    "_0__",
)
HEAD = 16  # first bytes of a file that starts_like_image needs
_MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
    b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
)  # fmt: skip
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def suffix(name: str) -> str:
    """The text after the last dot of a file name, in lower case; '' without one."""
    stem, _, end = name.rpartition("/")[2].rpartition(".")
    return end.casefold() if stem else ""


def stem(name: str) -> str:
    """The name without its suffix."""
    end = suffix(name)
    return name[: -len(end) - 1] if end else name


def is_image(name: str) -> bool:
    """Whether a file name ends like an image's."""
    return suffix(name) in IMAGE_SUFFIXES


def may_be_image(name: str) -> bool:
    """Whether only the first bytes tell if the file is an image: its suffix is unknown, or it has none."""
    return suffix(name) not in IMAGE_SUFFIXES | _OTHER_SUFFIXES


def starts_like_image(head: bytes) -> bool:
    """Whether a file's first HEAD bytes are those of an image format."""
    return (
        head.startswith(_MAGIC)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)
    )


def is_base64_image(text: str) -> bool:
    """Whether a text is an image in base64."""
    if len(text) < MIN_BASE64 or not text.startswith(_BASE64_HEADS):
        return False
    try:
        head = base64.b64decode(text[:24].translate(URL_SAFE), validate=True)
    except (ValueError, binascii.Error):
        return False
    return starts_like_image(head[:HEAD])


def is_hidden(name: str) -> bool:
    """Whether a path, or a folder that it is in, is hidden by convention: it is not part of a dataset."""
    return any(
        part.casefold() in _HIDDEN or (part.startswith(".") and part not in (".", "..")) for part in name.split("/")
    )


def spellings(name: str) -> tuple[str, ...]:
    """A name as it is, and other spellings of it that tables and file systems disagree about: spaces around it,
    backslashes (Windows), percent-encoding, and the composed or decomposed form of letters (Unicode Annex 15)."""
    plain = name.strip().replace("\\", "/")
    decoded = unquote(plain) if "%" in plain else plain
    forms = (normalize(form, text) for text in (plain, decoded) for form in ("NFC", "NFD"))
    return tuple(dict.fromkeys((name, plain, decoded, *forms)))


def is_sidecar(name: str) -> bool:
    """Whether a file name ends like that of a text beside an image."""
    return suffix(name) in SIDECAR_SUFFIXES


def text_suffix(option: str | None) -> str:
    """The suffix of texts beside images that an option names, as `suffix` gives it."""
    return (option or "").casefold()


def sidecars_of(image: str, option: str | None = None, suffixes: Sequence[str] = SIDECAR_SUFFIXES) -> Iterator[str]:
    """What the texts beside an image may be called: `a.txt` of `a.jpg`, or `a.jpg.txt` as some downloaders write it.
    option: one more suffix."""
    for ending in (*suffixes, option) if option else suffixes:
        for start in (stem(image), image):
            for spelled in dict.fromkeys((ending, ending.upper(), ending.capitalize())):
                yield f"{start}.{spelled}"


def is_companion(name: str) -> bool:
    """Whether a file can hold none of a dataset's images: README, LICENSE, dataset_info.json, scripts, checksums."""
    base = name.rpartition("/")[2].casefold()
    return base.partition(".")[0] in _COMPANIONS or base.endswith("_stats.json") or suffix(base) in _COMPANION_SUFFIXES


def is_dataset(name: str) -> bool:
    """Whether a file name ends like that of an archive or of a dataset in one file, whether it can be read or not."""
    return suffix(name) in _DATASETS or is_tar(name) or suffix(name) in ("arrow", "feather")


def is_tar(name: str) -> bool:
    """Whether a file name ends like a tar's."""
    return name.casefold().endswith(TAR_SUFFIXES)


def is_zip(name: str) -> bool:
    """Whether a file name ends like a zip's."""
    return suffix(name) == "zip"


def is_archive(name: str) -> bool:
    """Whether a file name ends like that of an archive whose members are read."""
    return is_tar(name) or is_zip(name)
