"""Charts as matplotlib draws them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.random import Generator

from training.render.words import phrase, word

mpl.use("Agg")
from matplotlib import pyplot as plt

MAPS = ("viridis", "plasma", "coolwarm", "gray", "Spectral", "tab20", "Blues", "jet")


def _lines(axes: Any, rng: Generator) -> None:
    for _ in range(int(rng.integers(1, 6))):
        axes.plot(np.cumsum(rng.normal(size=int(rng.integers(10, 200)))), label=word(rng), lw=rng.uniform(0.6, 3))


def _bars(axes: Any, rng: Generator) -> None:
    names = [f"{word(rng)} {index}" for index in range(int(rng.integers(3, 12)))]
    draw = axes.barh if rng.random() < 0.4 else axes.bar
    draw(names, rng.uniform(1, 100, len(names)), color=plt.get_cmap("tab20")(rng.integers(0, 20, len(names))))


def _scatter(axes: Any, rng: Generator) -> None:
    count = int(rng.integers(20, 600))
    axes.scatter(
        *rng.normal(size=(2, count)), c=rng.uniform(size=count), s=rng.uniform(4, 90), cmap=_map(rng), alpha=0.7
    )


def _pie(axes: Any, rng: Generator) -> None:
    shares = rng.uniform(1, 10, int(rng.integers(3, 8)))
    axes.pie(shares, labels=[word(rng) for _ in shares], autopct="%1.0f%%")


def _heat(axes: Any, rng: Generator) -> None:
    grid = rng.normal(size=(int(rng.integers(4, 40)), int(rng.integers(4, 40))))
    axes.figure.colorbar(axes.imshow(np.cumsum(grid, axis=int(rng.integers(2))), cmap=_map(rng), aspect="auto"))


def _histogram(axes: Any, rng: Generator) -> None:
    for _ in range(int(rng.integers(1, 4))):
        axes.hist(rng.normal(rng.uniform(-3, 3), rng.uniform(0.3, 2), 800), int(rng.integers(8, 60)), alpha=0.6)


def _boxes(axes: Any, rng: Generator) -> None:
    axes.boxplot([rng.normal(rng.uniform(-2, 2), 1, 80) for _ in range(int(rng.integers(2, 9)))])


def _contour(axes: Any, rng: Generator) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 90), np.linspace(-3, 3, 90))
    waves = sum(np.sin(rng.uniform(-2, 2) * x + rng.uniform(-2, 2) * y + rng.uniform(0, 6)) for _ in range(4))
    (axes.contourf if rng.random() < 0.6 else axes.contour)(x, y, waves, int(rng.integers(5, 25)), cmap=_map(rng))


CHARTS: tuple[Callable[[Any, Generator], None], ...] = (
    _lines, _bars, _scatter, _pie, _heat, _histogram, _boxes, _contour,
)  # fmt: skip


def _map(rng: Generator) -> str:
    return MAPS[int(rng.integers(len(MAPS)))]


def draw_chart(path: Path, rng: Generator) -> None:
    """One figure of one to four panels, in a random style and size."""
    styles = ["default", "ggplot", "bmh", "dark_background", "seaborn-v0_8", "fivethirtyeight", "grayscale"]
    with plt.style.context(styles[int(rng.integers(len(styles)))]):
        rows, columns = ((1, 1), (1, 1), (1, 2), (2, 2))[int(rng.integers(4))]
        size = tuple(rng.uniform(4, 10, 2))
        figure, panels = plt.subplots(rows, columns, figsize=size, dpi=int(rng.integers(80, 160)), squeeze=False)
        for axes in panels.flat:
            CHARTS[int(rng.integers(len(CHARTS)))](axes, rng)
            axes.set_title(phrase(rng), fontsize=float(rng.uniform(8, 18)))
            if rng.random() < 0.5 and axes.get_legend_handles_labels()[1]:
                axes.legend()
        figure.tight_layout()
        figure.savefig(path)
        plt.close(figure)
