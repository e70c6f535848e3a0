"""Five folds, whole sources on both sides; what a fold holds out, its generators included, no model of it sees."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from training.generators import canonical
from training.listing import File

FOLDS = 5
# Sources that share their generator in whole are tested by one model.
TOGETHER = (
    ("farshed_dalle3", "liezzzlll_dalle", "kangonaut_aotd", "stared_dalle2"),
    (
        "andygock_flux1dev",
        "comfy-org_examples",
        "mflux",
        "leejet_sdcpp",
        "apple_mlsd",
        "onnxstream",
        "supagruen_sd15-finetunes",
        "jovanliem_sd-artbench",
        "frederikstroem_sd21",
    ),
    ("evolink_gpt-image-2", "freestylefly_gpt-image-2"),
    ("minimaxir_gemimg", "minimaxir_blog_nb"),
    ("muse_gallery", "styledrop_muse"),
    ("wesnoth-1.16-data", "wesnoth_bmr", "wesmere_web"),
    ("imgflip_memes", "memegen_memes"),
    ("manumorante_posters", "hilbert_posters"),
)


def assign_folds(files: list[File]) -> list[File]:
    """Greedy: the heaviest group first, into the fold that has least of its class so far. Dropped files have none."""
    kept = [file for file in files if not file.dropped]
    group = {source: names[0] for names in TOGETHER for source in names}
    fold_of: dict[str, int] = {}
    for label in (0, 1):
        weight: dict[str, float] = defaultdict(float)
        for source, mass in source_weights([file for file in kept if file.label == label]).items():
            weight[group.get(source, source)] += mass
        load = [0.0] * FOLDS
        for name, mass in sorted(weight.items(), key=lambda item: (-item[1], item[0])):
            fold = min(range(FOLDS), key=lambda index: (load[index], index))
            load[fold] += mass
            fold_of[name] = fold
    return [replace(file, fold=-1 if file.dropped else fold_of[group.get(file.source, file.source)]) for file in files]


def source_weights(files: list[File]) -> dict[str, float]:
    """How much each source counts in sampling: breadth over bulk, and generators over images."""
    sizes = Counter((file.source, file.generator) for file in files)
    breadth: dict[str, float] = defaultdict(float)
    for (source, _), size in sizes.items():
        breadth[source] += size**0.5
    return {source: width**0.7 for source, width in breadth.items()}


def training_files(files: list[File], fold: int) -> list[File]:
    """What the model that is tested on this fold may see: none of its sources, its generators, its images' twins."""
    held = {name for file in files if file.fold == fold and file.label for name in canonical(file.generator)}
    return [
        file
        for file in files
        if file.fold not in (-1, fold)
        and str(fold) not in file.twins
        and not (file.label and canonical(file.generator) & held)
    ]
