"""auditor simulate"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.mad.criteria import Assumptions
from auditor.mad.simulation import LOOP_TYPES
from auditor.sentences import percent

if TYPE_CHECKING:
    from auditor.mad.simulation import Generation

_DEFAULTS = Assumptions()
_SHARE = options.Number(0, 1)
_MAX_NUMBERS = 20_000_000  # drawn in one generation of one simulated run: 160 MB


@layout.command("simulate")
@option_group(
    "Scenario",
    option(
        "--fraction", type=_SHARE, required=True, metavar="SHARE", help="Synthetic fraction of the first training data."
    ),
    option(
        "--growth",
        type=options.Number(-1, 1),
        default=0.0,
        show_default=True,
        metavar="SHARE",
        help="Increase of the fraction per generation.",
    ),
    option(
        "--generations",
        type=click.IntRange(1, 1000),
        default=10,
        show_default=True,
        metavar="N",
        help="Number of generations.",
    ),
    option(
        "--loop",
        type=click.Choice(LOOP_TYPES),
        default="fresh",
        show_default=True,
        metavar="NAME",
        help="fresh: new real images in every generation; augmentation: the same real images in all; "
        "synthetic: no real images after the first.",
    ),
)
@option_group(
    "Assumptions",
    option(
        "--images",
        type=click.IntRange(2),
        default=1_000_000,
        show_default=True,
        metavar="N",
        help="Images per generation.",
    ),
    option(
        "--lambda",
        "lambda_",
        type=_SHARE,
        default=_DEFAULTS.lambda_,
        show_default=True,
        metavar="λ",
        help="Sampling bias: 1 is unbiased, smaller is truncated (quality over diversity).",
    ),
    option(
        "--dimension",
        type=click.IntRange(1),
        default=round(_DEFAULTS.dimension),
        show_default=True,
        metavar="N",
        help="Effective dimension of the images' distribution.",
    ),
    option(
        "--runs", type=click.IntRange(1), metavar="N", help="Average N simulated runs instead of using closed forms."
    ),
    option("--seed", type=options.SEED, default=0, show_default=True, metavar="N", help="Random seed for --runs."),
)
@option_group(
    "Output",
    option("--json", "as_json", is_flag=True, help="Print JSON."),
    option("--plot", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Also write a chart."),
    layout.help_option,
)
def command(
    fraction: float, growth: float, generations: int, loop: str, images: int, lambda_: float, dimension: int,
    runs: int | None, seed: int, as_json: bool, plot: str | None,
) -> int:  # fmt: skip
    """Simulate what a synthetic fraction does to generators.

    \b
    auditor simulate --fraction 0.2
    auditor simulate --fraction 0.2 --growth 0.05 --generations 20

    DIVERSITY LOST is the share of variance lost, W2² TO REAL the expected squared Wasserstein-2 distance from the real
    distribution, and EFFECTIVE N the number of real images with the same distance. The results extrapolate from the
    Gaussian model of "Self-Consuming Generative Models Go MAD": lambda is assumed, and with many generators the loss is
    smaller than with one.
    """
    import auditor

    if plot and not plot.casefold().endswith(".svg"):
        raise click.BadParameter("charts are SVG: name a file that ends in .svg", param_hint="'--plot'")
    if runs and images * dimension > _MAX_NUMBERS:
        raise click.UsageError(
            f"--runs with {images:,} images of {dimension} dimensions needs too much memory: "
            f"use --images {_MAX_NUMBERS // dimension} or fewer"
        )
    fractions = [min(1.0, max(0.0, fraction + growth * step)) for step in range(generations)]
    try:
        simulated = auditor.simulate(
            fractions, loop=loop, images=images, lambda_=lambda_, dimension=dimension, runs=runs, seed=seed
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if plot:
        from pathlib import Path

        from auditor.storage.atomic import write_atomically

        write_atomically(Path(plot), auditor.plot_simulation(simulated).encode())
    click.echo(_json(simulated) if as_json else f"{_table(simulated)}\n\n{_conclusion(simulated)}")
    return 0


def _table(simulated: list[Generation]) -> str:
    lines = [f"{'GENERATION':>10}  {'SYNTHETIC':>9}  {'DIVERSITY LOST':>14}  {'W2² TO REAL':>11}  {'EFFECTIVE N':>13}"]
    lines += [
        f"{g.number:>10}  {100 * g.fraction:>7.1f} %  {100 * g.diversity_lost:>12.2f} %  {g.distance:>11.4g}  "
        f"{g.effective_n:>13,.0f}"
        for g in simulated
    ]
    return "\n".join(lines)


def _conclusion(simulated: list[Generation]) -> str:
    """What the table comes to, in one sentence."""
    last, budget = simulated[-1], _DEFAULTS.delta
    over = [each.number for each in simulated if each.diversity_lost > budget]
    generations = "1 generation" if last.number == 1 else f"{last.number:,} generations"
    lost = f"After {generations}, {percent(last.diversity_lost)} of the diversity is lost"
    if last.diversity_lost > budget:
        return f"{lost}: above the budget of {percent(budget, 0)}, first in generation {over[0]}."
    before = f", which generation {over[0]} exceeded" if over else ""
    return f"{lost}: within the budget of {percent(budget, 0)}{before}."


def _json(simulated: list[Generation]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(generation) for generation in simulated], indent=2, allow_nan=False)
