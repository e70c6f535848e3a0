"""Coverage and width of the intervals of samples: of whole shards, and stratified by domain.

    python benchmarks/sampling.py [--runs 1000] [--seed 0]

*Shards*: K of 200 shards are read. They have about 500 rows (with a relative spread of a half), and their synthetic
fractions have a beta distribution around the dataset's with the given intra-cluster correlation. Four tables: the
confirmed share (with the finite-population correction), compared with a binomial interval of independent rows; the
estimate from a classifier's scores (normal, two standard deviations apart), for infinitely many shards; 300 labels of
the rows of K shards; the first table with a correlation of 1.
*Domains*: a sample of 1,000 rows from 20,000 rows of 3,000 domains, whose sizes fall as 1/rank, so that most are too
small for a row of their own. The last column is the root-mean-square error relative to a simple random sample.

Cells: coverage in per cent / mean width in points. The Monte-Carlo error of a coverage of 95 % in 1,000 runs is 0.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import harness
import numpy as np
from harness import SHARES, Coverage, Options, Span, coverage_of
from scipy.stats import norm

from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import two_phase
from auditor.estimate import clusters, score_distributions, score_mixture
from auditor.estimate.design import FULL_SCAN, ClusterSample
from auditor.estimate.intervals import clopper_pearson, effective_interval
from auditor.estimate.score_distributions import Bins
from auditor.sampling.stratified import allocation

CORRELATIONS, READ = (0.0, 0.1, 0.3), (5, 20, 50)
_SHARDS, _ROWS, _SPREAD = 200, 500, 0.5
_LABELS, _OF_STRATA = 300, ((0.85, 0.1, 0.05), (0.03, 0.1, 0.87))  # of synthetic and of real images: their verdicts
_DOMAINS, _DATASET, _SAMPLE = 3000, 20_000, 1000


def fractions(rng: np.random.Generator, share: float, correlation: float, size: tuple[int, ...]) -> np.ndarray:
    """Of each shard."""
    if share in (0.0, 1.0) or correlation == 0:
        return np.full(size, share)
    if correlation == 1:
        return (rng.random(size) < share).astype(float)
    scale = 1 / correlation - 1
    return np.nan_to_num(rng.beta(share * scale, (1 - share) * scale, size))


def datasets(
    rng: np.random.Generator, share: float, correlation: float, runs: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic rows and rows, int (runs, shards)."""
    sizes = np.exp(rng.normal(-(_SPREAD**2) / 2, _SPREAD, (runs, count)))
    rows = np.maximum(1, np.rint(_ROWS * sizes)).astype(int)
    return rng.binomial(rows, fractions(rng, share, correlation, (runs, count))), rows


def decided(
    rng: np.random.Generator, share: float, correlation: float, read: int, runs: int
) -> tuple[Coverage, Coverage]:
    """The declared share: ours, and as if rows were independent."""
    found, rows = datasets(rng, share, correlation, runs, _SHARDS)
    truth = found.sum(axis=1) / rows.sum(axis=1)
    ours, naive = [], []
    for positives, of in zip(found[:, :read], rows[:, :read], strict=True):
        n_eff, fpc = clusters.effective_sample_size(positives, of).n_eff, ClusterSample(read, _SHARDS).fpc
        ours.append(effective_interval(positives.sum() / of.sum(), n_eff, fpc))
        naive.append(clopper_pearson(int(positives.sum()), int(of.sum())))
    return coverage_of(ours, truth), coverage_of(naive, truth)


def estimated(
    rng: np.random.Generator, share: float, correlation: float, read: int, runs: int
) -> tuple[Coverage, Coverage]:
    """The estimate from scores: with the effective sample size, and as if rows were independent."""
    synthetic, rows = datasets(rng, share, correlation, runs, read)
    calibration = harness.draw_calibration(rng)
    bins = Bins.of(calibration)
    shares = score_distributions.predict(calibration, bins, {"clean": 1.0}, seed=0)
    binned = [np.diff(norm.cdf([-np.inf, *bins.edges, np.inf], mean)) for mean in harness.MEANS]
    ours, naive = [], []
    for synthetic_rows, of in zip(synthetic, rows, strict=True):
        counts = rng.multinomial(synthetic_rows, binned[1]) + rng.multinomial(of - synthetic_rows, binned[0])
        flagged = counts[:, bins.likely_synthetic :].sum(axis=1)
        for spans, n_eff in ((ours, clusters.effective_sample_size(flagged, of).n_eff), (naive, of.sum())):
            found = score_mixture.posterior(counts.sum(axis=0) * (n_eff / of.sum()), shares)
            spans.append(found.interval())
    truth = np.full(runs, share)
    return coverage_of(ours, truth), coverage_of(naive, truth)


def labelled(
    rng: np.random.Generator, share: float, correlation: float, read: int, runs: int
) -> tuple[Coverage, Coverage]:
    """Labels of rows of whole shards: ours, and as if the rows were all that there are."""
    found, rows = datasets(rng, share, correlation, runs, _SHARDS)
    ours, naive = [], []
    for synthetic, real in zip(found[:, :read], (rows - found)[:, :read], strict=True):
        truths = np.stack([rng.multinomial(synthetic, _OF_STRATA[0]), rng.multinomial(real, _OF_STRATA[1])], axis=2)
        by_shard = _labelled(rng, truths)
        strata = [
            LabelledStratum.of_counts(*map(sum, zip(*parts, strict=True))) for parts in zip(*by_shard, strict=True)
        ]
        parts = [[LabelledStratum.of_counts(*counts) for counts in shard] for shard in by_shard]
        for spans, design in ((ours, ClusterSample(read, _SHARDS)), (naive, FULL_SCAN)):
            interval = two_phase(strata, design=design, by_shard=parts)
            spans.append((interval.low, interval.high))
    truth = found.sum(axis=1) / rows.sum(axis=1)
    return coverage_of(ours, truth), coverage_of(naive, truth)


def _labelled(rng: np.random.Generator, truths: np.ndarray) -> list[list[tuple[int, int, int]]]:
    """Size, labelled synthetic and labelled real of each shard's part of each stratum, the labels shared out evenly.

    truths: synthetic and real rows, (shards, strata, 2).
    """
    shown = np.zeros_like(truths)
    for stratum in range(truths.shape[1]):
        cells = truths[:, stratum].ravel()
        drawn = rng.multivariate_hypergeometric(cells, min(_LABELS // truths.shape[1], int(cells.sum())))
        shown[:, stratum] = drawn.reshape(-1, 2)
    both = np.concatenate([truths.sum(axis=2, keepdims=True), shown], axis=2)
    return [[tuple(map(int, cell)) for cell in shard] for shard in both]


def shared_out(
    rng: np.random.Generator, share: float, correlation: float, runs: int
) -> tuple[Coverage, Coverage, float]:
    """Rows shared out among domains, and one by one, with the simple interval; and how far off, against one by one."""
    sizes = np.maximum(1, np.rint(_DATASET / np.arange(1, _DOMAINS + 1) / np.log(_DOMAINS))).astype(int)
    spans: tuple[list[Span], list[Span]] = ([], [])
    truths, errors = np.empty(runs), np.empty((runs, 2))
    for run in range(runs):
        synthetic = rng.binomial(sizes, fractions(rng, share, correlation, sizes.shape))
        truths[run] = synthetic.sum() / sizes.sum()
        order = rng.permutation(len(sizes))  # a hash of the domain puts them in no order
        given = allocation(sizes[order], _SAMPLE, run)
        counts = (
            int(rng.hypergeometric(synthetic[order], (sizes - synthetic)[order], given).sum()),
            int(rng.hypergeometric(synthetic.sum(), (sizes - synthetic).sum(), _SAMPLE)),
        )
        for which, count in enumerate(counts):
            spans[which].append(clopper_pearson(count, _SAMPLE))
            errors[run, which] = count / _SAMPLE - truths[run]
    off = np.sqrt((errors**2).mean(axis=0))
    return coverage_of(spans[0], truths), coverage_of(spans[1], truths), float(off[0] / off[1]) if off[1] else 1.0


def table(
    kind: Callable[..., tuple[Coverage, Coverage]],
    correlations: Sequence[float],
    reads: Sequence[int],
    options: Options,
) -> Iterator[list[str]]:
    for read in reads:
        for correlation in correlations:
            rng = options.rng(read, int(100 * correlation))
            found = [kind(rng, share, correlation, read, options.runs) for share in SHARES]
            yield [str(read), f"{correlation:g}", *(" · ".join(map(str, both)) for both in found)]


def domains(options: Options) -> Iterator[list[str]]:
    for correlation in CORRELATIONS:
        for share, name in zip(SHARES, harness.percent(), strict=True):
            rng = options.rng(int(1000 * share), int(100 * correlation))
            ours, simple, off = shared_out(rng, share, correlation, options.runs)
            yield [f"{correlation:g}", name, str(ours), str(simple), f"{off:.2f}"]


def main() -> None:
    options = harness.parsed(__doc__)
    heads = ["shards read", "correlation", *harness.percent()]
    of_domains = ["correlation in a domain", "fraction", "shared out", "one by one", "off, against one by one"]
    for title, columns, rows in (
        ("decided share: ours · rows taken for independent", heads, table(decided, CORRELATIONS, READ, options)),
        ("estimate: ours · rows taken for independent", heads, table(estimated, CORRELATIONS, READ, options)),
        ("300 labels: ours · shards taken for all there are", heads, table(labelled, CORRELATIONS, READ[1:], options)),
        ("decided share, each shard of a kind", heads, table(decided, (1.0,), READ, options)),
        ("shared out among domains", of_domains, domains(options)),
    ):
        print(f"\n{title}\n")
        harness.show(columns, rows)


if __name__ == "__main__":
    main()
