"""Names of generators made comparable: one generator has many spellings, one file may name several."""

from __future__ import annotations

import re

# Pattern in a generator's name -> the generator(s) it stands for. Every pattern that matches counts.
ALIASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"dall-?e 2|dall-e \(per repo\)", ("dall-e-2",)),
    (r"dall-?e 3|dall-e \(per repo\)", ("dall-e-3",)),
    (r"dalle-mini", ("dall-e-mini",)),
    (r"flux\.?1?[-_ ]?dev|^flux$|flux/|comfyui mixed", ("flux.1-dev",)),
    (r"gemini", ("gemini-image",)),
    (r"hunyuandit", ("hunyuan-dit",)),
    (r"kandinsky.?3", ("kandinsky-3",)),
    (r"kolors", ("kolors",)),
    (r"pixart-alpha(?!_pixart-sigma)", ("pixart-alpha",)),
    (r"vqgan", ("vqgan-clip",)),
    (r"google muse", ("muse",)),
    (r"midjourney", ("midjourney",)),
    (r"qwen", ("qwen-image",)),
    (r"z-image", ("z-image",)),
    (r"wan($|[-_.0-9])", ("wan",)),
    (r"stable[-_ ]diffusion[-_ ]3\.5[-_ ]large|comfyui mixed", ("sd3.5-large",)),
    (r"sd1(\.x|\.5)?($| |\)|/)|stable diffusion (1|beta)|comfyui mixed|onnxstream", ("sd1",)),
    (r"stable diffusion 2|/ ?sd2|1\.x/2/", ("sd2",)),
    (r"sdxl-base|sdxl /|/xl|comfyui mixed", ("sdxl",)),
)


def canonical(name: str) -> frozenset[str]:
    """The generators that a label names; the label itself where no alias fits."""
    lowered = name.lower()
    found = {generator for pattern, generators in ALIASES if re.search(pattern, lowered) for generator in generators}
    return frozenset(found or ({lowered} if lowered else set()))
