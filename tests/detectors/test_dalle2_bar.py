import io

import making
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import look, view
from PIL import Image, ImageOps

from detectors import dalle2_bar, dwt_dct


def with_bar(size=1024, seed=0):
    array = making.pixels(size, size, seed=seed)
    side = size // 64
    for number, colour in enumerate(dalle2_bar._PALETTE):
        left = size - (5 - number) * side
        array[size - side :, left : left + side] = colour
    return Image.fromarray(array)


def saved(image, format="PNG", **save):
    out = io.BytesIO()
    image.save(out, format, **save)
    return out.getvalue()


def test_the_bar_is_found():
    reading = look("dalle2-bar", saved(with_bar()))
    assert (reading.generator, reading.tier) == ("DALL·E 2", "C")


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("quality", [75, 95])
def test_the_bar_is_found_after_resizing_and_jpeg(size, quality):
    small = with_bar().resize((size, size), Image.Resampling.BOX)
    assert look("dalle2-bar", saved(small, "JPEG", quality=quality)).score == 1


@pytest.mark.parametrize("border", [(0, 40, 0, 40), (30, 0, 30, 0)])
@pytest.mark.parametrize("fill", ["white", "black"])
def test_the_bar_is_found_inside_borders(border, fill):
    boxed = ImageOps.expand(with_bar().resize((256, 256), Image.Resampling.BOX), border, fill)
    assert look("dalle2-bar", saved(boxed, "JPEG", quality=95)).score == 1


@pytest.mark.parametrize("change", ["order", "one colour", "place"])
def test_something_like_the_bar_is_not_the_bar(change):
    image = np.asarray(with_bar()).copy()
    if change == "order":
        image[1008:, 944:] = image[1008:, 944:][:, ::-1]
    elif change == "one colour":
        image[1008:, 944:960] = (255, 255, 255)
    else:
        image = np.roll(image, -40, axis=0)
    assert look("dalle2-bar", saved(Image.fromarray(image))).score == 0


def test_flat_images_have_no_bar():
    for colour in ("white", "black", (255, 255, 102)):
        assert look("dalle2-bar", saved(Image.new("RGB", (512, 512), colour))).score == 0


def test_images_that_cannot_show_the_bar_are_not_looked_at():
    assert look("dalle2-bar", making.encoded("PNG", width=100, height=100)).score is None
    assert look("dalle2-bar", making.encoded("PNG", "L", width=300, height=300)).score is None


@pytest.mark.parametrize("shape", [(200, 2000), (2000, 200), (201, 201)])
def test_odd_shapes_are_looked_at(shape):
    assert look("dalle2-bar", making.encoded("PNG", width=shape[0], height=shape[1])).score == 0


def test_real_bars_are_found_also_small_letter_boxed_and_compressed(data):
    paths = sorted((data / "provenance/dalle2_colour_bar").iterdir())
    assert len(paths) == 8
    for path in paths:
        assert look("dalle2-bar", path.read_bytes()).score == 1
        with Image.open(path) as image:
            wide = image.convert("RGB").crop((0, 256, 1024, 1024)).resize((256, 192), Image.Resampling.BOX)
            small = ImageOps.expand(wide, (0, 32), "white")
            plain = image.convert("RGB").resize((256, 256), Image.Resampling.BOX)
        for changed in (small, plain):
            assert look("dalle2-bar", saved(changed, "JPEG", quality=95)).score == 1, path.name


def test_no_real_image_has_a_bar_or_a_mark(data):
    for path in sorted((data / "sample/real").rglob("*.*")):
        decoded = view(path.read_bytes())
        for detector in (dalle2_bar.Dalle2Bar(), dwt_dct.DwtDct()):
            if not decoded.unavailable_reason(detector.needs):
                assert not detector.read([decoded])[0].score, path.name


@st.composite
def bordered(draw):
    """Images of few levels, so that lines vary by about as much as a border may, with borders of one colour."""
    height, width = draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = np.full((height, width, 3), draw(st.integers(0, 255 - 40)), np.uint8)
    bottom, right = draw(st.tuples(st.integers(0, height), st.integers(0, width)))
    image[:bottom, :right] += rng.integers(0, draw(st.integers(1, 40)), (bottom, right, 3), dtype=np.uint8)
    return image


@given(bordered())
def test_the_content_ends_at_the_last_row_and_column_that_vary(image):
    def last_that_varies(ranges):
        return max(np.flatnonzero(ranges.max(axis=1) > dalle2_bar._BORDER_LEVELS), default=-1) + 1

    bottom, right = (last_that_varies(np.ptp(image, axis=axis)) for axis in (1, 0))
    content, width = dalle2_bar._content(image)
    if bottom and right:
        assert (content.shape, width) == ((bottom, right, 3), 2 * right - image.shape[1])
    else:
        assert (content.shape, width) == (image.shape, 0)
