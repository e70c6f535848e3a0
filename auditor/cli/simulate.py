"""auditor simulate"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli import options
from auditor.mad.criteria import Assumptions
from auditor.mad.simulation import LOOP_TYPES

if TYPE_CHECKING:
    from auditor.mad.simulation import Generation

_USUAL = Assumptions()
_SHARE = options.Number(0, 1)
_MOST_DRAWN = 20_000_000  # numbers that one generation of one simulated run may draw: 160 MB


@click.command("simulate")
@click.option("--fraction", type=_SHARE, required=True, help="Synthetic fraction that the first generation trains on.")
@click.option(
    "--growth",
    type=options.Number(-1, 1),
    default=0.0,
    help="Added to the fraction with each generation.  [default: 0]",
)
@click.option("--generations", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--loop", type=click.Choice(LOOP_TYPES), default="fresh", show_default=True,
              help="New real images in every generation, the same ones in all, or none after the first.")  # fmt: skip
@click.option("--images", type=click.IntRange(2), default=1_000_000, show_default=True, help="Images a generation.")
@click.option("--lambda", "lambda_", type=_SHARE, default=_USUAL.lambda_, show_default=True,
              help="Sampling bias: 1 is unbiased, smaller is quality chosen over diversity.")  # fmt: skip
@click.option("--dimension", type=click.IntRange(1), default=round(_USUAL.dimension), show_default=True,
              help="Effective dimension of the images' distribution.")  # fmt: skip
@click.option("--runs", type=click.IntRange(1), help="Draw samples and fit Gaussians this often, instead of formulas.")
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="Of --runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Draw it, too.")
def command(
    fraction: float, growth: float, generations: int, loop: str, images: int, lambda_: float, dimension: int,
    runs: int | None, seed: int, as_json: bool, plot: str | None,
) -> int:  # fmt: skip
    """How a synthetic fraction wears generators down, generation by generation.

    DIVERSITY LOST is the share of variance that is gone; DISTANCE the expected squared Wasserstein-2 distance from
    reality; WORTH the real images that would have given the same distance. An extrapolation from the Gaussian model
    of "Self-Consuming Generative Models Go MAD": lambda is assumed, and many generators make it milder than one.
    """
    import auditor

    if runs and images * dimension > _MOST_DRAWN:
        raise click.UsageError(
            f"--runs with {images:,} images of {dimension} dimensions draws too much: "
            f"--images {_MOST_DRAWN // dimension} or fewer"
        )
    fractions = [min(1.0, max(0.0, fraction + growth * step)) for step in range(generations)]
    try:
        found = auditor.simulate(
            fractions, loop=loop, images=images, lambda_=lambda_, dimension=dimension, runs=runs, seed=seed
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if plot:
        from pathlib import Path

        from auditor.evidence_store.store import write_atomically

        write_atomically(Path(plot), auditor.plot_simulation(found).encode())
    click.echo(_json(found) if as_json else _table(found))
    return 0


def _table(found: list[Generation]) -> str:
    lines = [f"{'GENERATION':>10}  {'SYNTHETIC':>9}  {'DIVERSITY LOST':>14}  {'DISTANCE':>10}  {'WORTH':>13}"]
    lines += [
        f"{g.number:>10}  {100 * g.fraction:>7.1f} %  {100 * g.diversity_lost:>12.2f} %  {g.distance:>10.4g}  "
        f"{g.effective_n:>13,.0f}"
        for g in found
    ]
    return "\n".join(lines)


def _json(found: list[Generation]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(generation) for generation in found], indent=2, allow_nan=False)
