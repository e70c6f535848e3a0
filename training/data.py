"""Which images there are, who made them, what they show, and which are left out.

Two collections, each with an index: `broad` (few images of many sources) and `deep` (many of few). An index has the
columns path, label (ai, real), source, generator, width, height, repo, blob; `broad` has group too, and says of real
images under generator what they show.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PER_GENERATOR = 24  # images of a source and generator
PER_CHECKPOINT = {"sd-samples_63-open-models": 4}  # of a source that shows the same prompts by many generators
SMALLEST, LONGEST = 198, 5  # pixels of the shorter side; longer side over shorter side
# Texture atlases, which nobody captions: (source, pattern in the file's name).
NOT_PICTURES = (
    (
        "colobot_game",
        r"_(button|effect|interface|mouse|mother|human|lemt|apollo|kid|factory|convert|search|derrick)",
    ),
    ("colobot_game", r"_(roller|subm|face|mix|vegetal|ant|plant|generico|base|dirty|green)\d*"),
)
# The picture inside a printed frame, as fractions (left, top, right, bottom).
FRAMED = {"krkwd_tensorithm-tarot": (0.13, 0.09, 0.87, 0.82)}

# Groups of different owners that hold one picture twice (cosine above 0.85 in the whitened space of similarity), or
# works of one collection: joined, so that neither teaches what the other is scored on.
JOINED = {
    "ely3m": "colobot", "noname414": "hend41234", "anilsathyan": "ageitgey", "zoyaaaaaaa": "lichongsw",
    "titu1994": "paintings", "lengstrom": "paintings", "schesa": "jacebrowning",
}  # fmt: skip

# What a real image shows: the first pattern that fits its description, or its source where there is none.
KINDS = (
    ("photograph", r"^photo|^satellite|imagenet|petfinder|bsds|hymenoptera|grocery|clothing|stephen688|urban100"
     r"|dreambooth|raccoon|beauwoods|learningzone|kzuraw|sbcreative"),
    ("anime", r"anime"),
    ("painting", r"^painting|artwall"),
    ("digital painting", r"^digital painting|^comic|concept art"),
    ("wallpaper", r"^wallpaper|ely3m_wall|dracula"),
    ("3-D render", r"^3-d render|clashroyale"),
    ("texture", r"^texture|medical|microscopy"),
    ("game art, pixel art", r"game|pixel art|^texture|wesnoth|renpy|pokemon"),
    ("poster, meme, cover", r"poster|meme|book cover|marketing"),
    ("screenshot, chart, document", r"screenshot|chart|infographic|^map|receipt|scan|_web|curr|wiki|blog|product mock"),
    ("illustration, drawing, vector", r"illustration|drawing|vector|logo|cartoon|generative|doodle|sticker"),
)  # fmt: skip
# Who made a synthetic image: the first pattern that fits the generator's name.
FAMILIES = (
    ("edited photographs", r"edit|inpaint|outpaint|kontext|pix2pix|img2img|instantid|anydoor|imagic|gfpgan|stylised"),
    ("DALL-E 3, Bing", r"dall-?e[ -]?3|bing|copilot|designer"),
    ("GPT Image", r"gpt.?image|chatgpt|sora|openai.*c2pa"),
    ("Gemini, Imagen", r"gemini|imagen|google|whisk|nano.?banana"),
    ("Midjourney", r"midjourney"),
    ("FLUX", r"flux"),
    ("DALL-E 2 and before", r"dall-?e|karlo|craiyon|glid"),
    ("Ideogram", r"ideogram"),
    ("Leonardo", r"leonardo"),
    ("Firefly", r"firefly"),
    ("GAN", r"gan|alae"),
    ("early diffusion, VQGAN",
     r"vqgan|clip|latent|disco|majesty|pixray|aphantasia|adm|deepfloyd|raphael|wombo|dit-xl|cogview$"),
    ("SDXL", r"sdxl|sd_?xl|xl\b|pony|juggernaut|illustrious|noobai|ssd-1b|turbo"),
    ("Stable Diffusion 3", r"sd3|diffusion[ -_]3|stable image ultra"),
    ("Stable Diffusion 1, 2",
     r"stable.?diffusion|sd ?[12]|sd_|v1-5|waifu|anything|dreamshaper|realistic vision|openjourney|onnxstream"),
)  # fmt: skip
# Real images of these kinds weigh so many times as much as others: target datasets are mostly photographs, and what
# people paint and draw is what is easily taken for generated.
KIND_WEIGHTS = {"photograph": 2.5, "anime": 4.0, "painting": 3.0, "digital painting": 4.0, "poster, meme, cover": 2.0}
PHOTOREALISTIC = (
    r"edit|kontext|gpt.?image|chatgpt|sora|midjourney|gemini|imagen|flux|real(?!-?esr)|photo|absolute_?reality"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled image. group: sources that share an owner or pictures; what is left out is left out by it."""

    name: str
    path: Path
    synthetic: bool
    source: str
    group: str
    generator: str
    kind: str
    width: int
    height: int
    blob: str

    @property
    def is_photographic(self) -> bool:
        """A photograph, or of a generator that is mostly asked for photographs."""
        return bool(re.search(PHOTOREALISTIC, self.generator.lower())) if self.synthetic else self.kind == "photograph"


def read(broad: Path, deep: Path, deep_images: Path) -> list[Picture]:
    """The pictures to learn from, in a fixed order. broad, deep: indexes; the first one's paths are relative to it."""
    rows = [(row, broad.parent, True) for row in _rows(broad)] + [(row, deep_images, False) for row in _rows(deep)]
    pictures = [_picture(row, folder, described) for row, folder, described in rows]
    return sorted(_few(picture for picture in pictures if not reason_to_drop(picture)), key=lambda one: one.name)


def reason_to_drop(picture: Picture) -> str:
    """Why it is not learnt from; empty where it is."""
    if min(picture.width, picture.height) < SMALLEST:
        return f"shorter side below {SMALLEST} px"
    if max(picture.width, picture.height) > LONGEST * min(picture.width, picture.height):
        return f"longer than {LONGEST} times its width"
    file = picture.name.rpartition("/")[2]
    if any(picture.source == source and re.search(pattern, file) for source, pattern in NOT_PICTURES):
        return "texture atlas"
    return ""


def weights(pictures: Iterable[Picture], kinds: Mapping[str, float] = {}) -> list[float]:
    """Each image's weight: a source of n images weighs n ** 0.5, the two classes the same, an image 1 in the mean.

    kinds: how many times as much real images of a kind weigh as others.
    """
    pictures = list(pictures)
    sizes = Counter(one.source for one in pictures)
    raw = [sizes[one.source] ** -0.5 * (1 if one.synthetic else kinds.get(one.kind, 1)) for one in pictures]
    total: Counter[bool] = Counter()
    for one, weight in zip(pictures, raw, strict=True):
        total[one.synthetic] += weight
    half = len(pictures) / 2
    return [weight * half / total[one.synthetic] for one, weight in zip(pictures, raw, strict=True)]


def _rows(index: Path) -> Iterator[dict[str, str]]:
    with index.open(newline="", encoding="utf-8") as rows:
        yield from csv.DictReader(rows)


def _picture(row: dict[str, str], folder: Path, described: bool) -> Picture:
    synthetic = row["label"] == "ai"
    owner = row["group"] if described else row["repo"].partition("/")[0].lower()
    return Picture(
        name=row["path"],
        path=folder / row["path"],
        synthetic=synthetic,
        source=row["source"],
        group=JOINED.get(owner, owner),
        generator=row["generator"] if synthetic else "",
        kind=_first(FAMILIES, row["generator"], "other") if synthetic else _kind(row, described),
        width=int(row["width"]),
        height=int(row["height"]),
        blob=row["blob"],
    )


def _kind(row: dict[str, str], described: bool) -> str:
    return _first(KINDS, row["generator"] if described else row["source"], "other")


def _first(table: tuple[tuple[str, str], ...], text: str, otherwise: str) -> str:
    return next((name for name, pattern in table if re.search(pattern, text.lower())), otherwise)


def _few(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """At most PER_GENERATOR of each source and generator, by a digest of the name."""
    by_maker: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_maker[picture.source, picture.generator].append(picture)
    for (source, _), own in by_maker.items():
        own.sort(key=lambda one: (zlib.crc32(one.name.encode()), one.name))
        yield from own[: PER_CHECKPOINT.get(source, PER_GENERATOR)]
