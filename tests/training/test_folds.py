"""What a fold holds out, no model of it sees."""

from __future__ import annotations

from dataclasses import replace

from training.folds import FOLDS, assign_folds, training_files
from training.generators import canonical
from training.listing import File


def image(number: int, source: str, *, label: int = 0, generator: str = "") -> File:
    """A file of the table."""
    return File(f"{source}/{number}.png", source, generator, label, "", 512, 512)


def collection() -> list[File]:
    """Seven sources on each side; two of them show the same generator under different names."""
    real = [image(number, f"real-{source}") for source in range(7) for number in range(source + 1)]
    names = ["SDXL-base", "SDXL / RealVisXL", "FLUX.1-dev", "Midjourney v5", "Kolors", "DALL-E 2", "PixArt-alpha"]
    fake = [
        image(number, f"fake-{source}", label=1, generator=name)
        for source, name in enumerate(names)
        for number in range(source + 2)
    ]
    return assign_folds(real + fake)


def test_every_image_has_a_fold() -> None:
    assert {file.fold for file in collection()} <= set(range(FOLDS))


def test_a_source_lies_in_one_fold() -> None:
    files = collection()
    for source in {file.source for file in files}:
        assert len({file.fold for file in files if file.source == source}) == 1


def test_no_source_held_out_is_trained_on() -> None:
    files = collection()
    for fold in range(FOLDS):
        held = {file.source for file in files if file.fold == fold}
        assert not held & {file.source for file in training_files(files, fold)}


def test_no_generator_held_out_is_trained_on_under_another_source() -> None:
    files = collection()
    for fold in range(FOLDS):
        held = {name for file in files if file.fold == fold for name in canonical(file.generator)}
        assert not held & {name for file in training_files(files, fold) for name in canonical(file.generator)}


def test_a_twin_of_a_held_out_image_is_not_trained_on() -> None:
    files = [replace(file, twins="3") for file in assign_folds([image(0, "a"), image(1, "a")])]
    assert training_files(files, 3) == []
    assert training_files(files, 4) == files


def test_dropped_images_are_in_no_fold() -> None:
    file = File("a/0.png", "a", "", 0, "", 100, 100, dropped="too small")
    assert assign_folds([file])[0].fold == -1


def test_two_spellings_of_a_generator_are_one() -> None:
    assert canonical("SDXL-base") == canonical("sdxl / RealVisXL")
