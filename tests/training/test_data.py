"""Which images are learnt from, and whose they are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from training.data import PER_GENERATOR, Picture, read, reason_to_drop, weights

COLUMNS = ("label", "source", "group", "generator", "path", "width", "height", "repo", "blob")


def index(path: Path, rows: list[dict[str, object]], *, grouped: bool) -> Path:
    names = [name for name in COLUMNS if grouped or name != "group"]
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(number: int = 0, **more: object) -> dict[str, object]:
    settled = {"label": "real", "source": "s", "group": "g", "generator": "photo: cats", "width": 500, "height": 400}
    return {**settled, "path": f"p/{number}.jpg", "repo": "Owner/Name", "blob": "0", **more}


@pytest.fixture
def pictures(tmp_path: Path):
    def made(broad: list[dict[str, object]], deep: list[dict[str, object]] = ()) -> list[Picture]:  # type: ignore[assignment]
        one = index(tmp_path / "broad.csv", broad, grouped=True)
        return read(one, index(tmp_path / "deep.csv", list(deep), grouped=False), tmp_path / "images")

    return made


def test_sources_of_one_owner_are_one_group(pictures) -> None:
    found = pictures([row(0, group="owner")], [row(1), row(2, source="t", repo="owner/other")])
    assert {picture.group for picture in found} == {"owner"}


def test_of_a_source_and_generator_a_few_are_taken_and_always_the_same(pictures) -> None:
    many = [row(number, label="ai", generator="Midjourney") for number in range(100)]
    found = pictures(many)
    assert len(found) == PER_GENERATOR
    assert found == pictures(many[::-1])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"width": 150}, "shorter side"),
        ({"width": 3000}, "times its width"),
        ({"source": "colobot_game", "path": "a_button1.png"}, "atlas"),
    ],
)
def test_what_is_no_picture_is_left_out(pictures, change: dict[str, object], why: str) -> None:
    (kept,) = pictures([row(0), row(1, **change)])
    assert kept.name == "p/0.jpg"
    values = {name: getattr(kept, name) for name in Picture.__slots__} | change
    values["name"] = str(change.get("path", kept.name))
    assert why in reason_to_drop(Picture(**values))


def test_classes_weigh_the_same_and_a_large_source_less_than_its_size(pictures) -> None:
    found = pictures(
        [
            row(0),
            *(row(number, source="large") for number in range(1, 17)),
            row(20, source="made", label="ai", generator="FLUX"),
        ]
    )
    by_source: dict[str, float] = {}
    for picture, weight in zip(found, weights(found), strict=True):
        by_source[f"{picture.synthetic} {picture.source}"] = (
            by_source.get(f"{picture.synthetic} {picture.source}", 0) + weight
        )
    assert by_source["False large"] == pytest.approx(4 * by_source["False s"])
    assert by_source["True made"] == pytest.approx(by_source["False large"] + by_source["False s"])


@pytest.mark.parametrize(
    ("more", "kind", "photographic"),
    [
        ({"generator": "photo: cats"}, "photograph", True),
        ({"generator": "illustration: anime"}, "anime", False),
        ({"generator": "texture: game"}, "texture", False),
        ({"label": "ai", "generator": "FLUX.1 Kontext dev fp8 (edit)"}, "edited photographs", True),
        ({"label": "ai", "generator": "Stable Diffusion 1.5"}, "Stable Diffusion 1, 2", False),
        ({"label": "ai", "generator": "StyleGAN2"}, "GAN", False),
    ],
)
def test_kinds_and_families_are_told_by_the_description(
    pictures, more: dict[str, object], kind: str, photographic: bool
) -> None:
    (found,) = pictures([row(**more)])
    assert (found.kind, found.is_photographic) == (kind, photographic)
