"""Both classes live the same life on the web, and it is the same life every time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from training.conditions import CONDITIONS, base, matched_sizes
from training.launder import decode, flatten, launder, seeded


def picture(width: int = 700, height: int = 500, mode: str = "RGB") -> Image.Image:
    """Soft blotches."""
    small = np.random.default_rng(1).integers(0, 256, (9, 12, len(mode)), dtype=np.uint8)
    return Image.fromarray(small, mode).resize((width, height), Image.Resampling.BICUBIC)


def test_a_view_depends_on_path_and_number_alone() -> None:
    first, again, other = (launder(picture(), seeded("a.png", number)) for number in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_cut_outs_get_a_background() -> None:
    assert flatten(picture(mode="RGBA"), seeded("a.png", 1)).mode == "RGB"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_makes_a_readable_file(condition: str) -> None:
    image = decode(CONDITIONS[condition](base(picture(), "a.png", 400), seeded("a.png", 2)))
    assert image.mode == "RGB"
    assert max(image.size) <= 400


def test_img2dataset_makes_squares_of_256() -> None:
    assert decode(CONDITIONS["img2dataset256"](picture(), seeded("a.png", 2))).size == (256, 256)


def test_large_synthetic_images_get_the_sizes_of_reals() -> None:
    real = {f"r{number}": 300 for number in range(50)}
    synthetic = {f"s{number}": 1024 for number in range(50)}
    sizes = matched_sizes(real, synthetic, dict.fromkeys(real, 1.0))
    assert {sizes[path] for path in synthetic} <= {sizes[path] for path in real}
