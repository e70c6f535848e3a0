"""Both classes live the same life on the web, and it is the same life every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.degrade import CONDITIONS, base, decoded, degrade, opened, seeded


def picture(width: int = 700, height: int = 500, mode: str = "RGB") -> Image.Image:
    """Soft blotches."""
    small = np.random.default_rng(1).integers(0, 256, (9, 12, len(mode)), dtype=np.uint8)
    return Image.fromarray(small, mode).resize((width, height), Image.Resampling.BICUBIC)


def test_a_view_depends_on_path_and_number_alone() -> None:
    first, again, other = (degrade(picture(), seeded("a.png", number)) for number in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_makes_a_readable_file(condition: str) -> None:
    image = decoded(CONDITIONS[condition](base(picture(), "a.png"), seeded("a.png", 2)))
    assert image.mode == "RGB"
    assert max(image.size) <= 512


def test_img2dataset_makes_squares_of_256() -> None:
    assert decoded(CONDITIONS["img2dataset256"](picture(), seeded("a.png", 2))).size == (256, 256)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_every_picture_starts_upright_in_rgb_and_no_larger_than_the_others(mode: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(2000, 900).convert(mode).save(tmp_path / "a.png", exif=exif)
    found = opened(tmp_path / "a.png", "a.png")
    assert found.mode == "RGB"
    assert found.size[0] == 512 < found.size[1]


def test_a_frame_is_cut_off(tmp_path: Path) -> None:
    picture(400, 300).save(tmp_path / "a.png")
    assert opened(tmp_path / "a.png", "a.png", (0.25, 0.0, 0.75, 1.0)).size == (200, 300)
