"""The synthetic fraction from labels of the dataset's own images: two-phase (double) sampling. Pure.

Phase one is the audit: it puts every audited row into a stratum, by the classifier's verdict. Phase two is a random
sample of each stratum, which people label (Cochran, Sampling Techniques, 3rd ed., 12.2). The unknowns are the synthetic
share of each stratum and the annotators' error rates. The prior of the shares is a robust meta-analytic-predictive one
(Schmidli et al., Biometrics 70, 2014): what the classifier's scores predict, mixed with a vague component of weight
VAGUE, which takes over if labels and prediction disagree. Without a prediction, the interval of labels without errors
is exact, and other labels give no narrower one.

The fraction of the population is the posterior predictive: rows with labels, rows without, and rows that were not
audited. Coverage is a matter of simulation: docs/benchmarks/labels.md, docs/benchmarks/mixtures.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from auditor.annotation.basis import PRIORS, ErrorRates
from auditor.annotation.clustered import add_between_cluster_variance
from auditor.annotation.file import HumanLabel
from auditor.annotation.strata import UNDECIDED, LabelledStratum
from auditor.annotation.votes import EXACT, Votes
from auditor.errors import TooFewLabels
from auditor.estimate.design import FULL_SCAN, ClusterSample, SamplingDesign
from auditor.estimate.intervals import CONFIDENCE, Interval
from auditor.estimate.score_mixture import Posterior

# Confidence at each look if labelling stops as soon as the policy is decided. Many looks at 95 % would decide wrongly
# more often than in 5 % of datasets; benchmarks/decisions.py counts how often looks at 99 % do.
SEQUENTIAL_CONFIDENCE = 0.99
_VAGUE = 0.4  # weight of the vague component
_VAGUE_BETA = (0.4, 0.6)
# For the lower and for the upper end, without a prediction and without errors. The posterior of one stratum is Clopper
# and Pearson's confidence distribution; those of several are melded (Fay, Proschan & Brittain, Biometrics 71, 2015).
_EXACT_BETAS = ((1e-3, 1.0), (1.0, 1e-3))
_NOISE = 1.0  # standard deviation, in logits, by which the predicted shares of each stratum are spread
_KERNELS = 200  # predictions that make up the informative component
_DRAWS = 4500
_RATES = 1000  # draws of the error rates
_ROUNDS = 3  # in which they are drawn, each time closer to their posterior
_MAX_UNLABELLED = 0.05  # share of the weight in strata without labels
_CLIP = 1e-9  # smallest distance of predicted shares from 0 and 1
_TINY = 1e-300
_LOGITS = np.linspace(-16.0, 16.0, 401)  # grid of a stratum's share
_SHARES = 1 / (1 + np.exp(-_LOGITS))
_NONE = 0.15  # prior probability that no undecided row is synthetic, for the lower end only


@dataclass(frozen=True)
class Prediction:
    """Predicted synthetic shares of each verdict, in logits, float64 (kernels, verdicts)."""

    logits: np.ndarray

    @cached_property
    def log_kernels(self) -> list[np.ndarray]:
        """For each verdict, the log probabilities of the grid by each kernel, float64 (kernels, grid)."""
        squares = (-0.5 * ((_LOGITS - logits[:, None]) / _NOISE) ** 2 for logits in self.logits.T)
        return [square - _log_sum(square)[:, None] for square in squares]

    @classmethod
    def of(
        cls, posterior: Posterior, unscored: Sequence[float] = (0.0,) * len(UNDECIDED), *, has_verdicts: bool = True
    ) -> Prediction:
        """From the scores' posterior. unscored: the share of each verdict's rows without a score, about which the
        scores say nothing. has_verdicts: otherwise every row is unknown."""
        rng = np.random.default_rng(0)
        fraction, real, synthetic = posterior.synthetic_draws(_KERNELS, rng)
        bins = posterior.shares.bins
        cuts = [slice(bins.likely_synthetic, None), slice(bins.likely_real, bins.likely_synthetic),
                slice(None, bins.likely_real)] if has_verdicts else [slice(None)] * len(UNDECIDED)  # fmt: skip
        shares = np.empty((_KERNELS, len(UNDECIDED)))
        for index, (cut, share) in enumerate(zip(cuts, unscored, strict=True)):
            of_synthetic = fraction * synthetic[:, cut].sum(axis=1)
            of_real = (1 - fraction) * real[:, cut].sum(axis=1)
            scored = of_synthetic / np.maximum(of_synthetic + of_real, _CLIP)
            shares[:, index] = (1 - share) * scored + share * rng.beta(*_VAGUE_BETA, _KERNELS)
        return cls(_logit(shares))


def two_phase(
    strata: Sequence[LabelledStratum],
    *,
    prediction: Prediction | None = None,
    design: SamplingDesign = FULL_SCAN,
    by_shard: Sequence[Sequence[LabelledStratum]] = (),
    confidence: float = CONFIDENCE,
) -> Interval:
    """The synthetic share of the population from which the audited rows were sampled. design: of phase one.

    An unsure label counts as real for the lower end and as synthetic for the upper end. by_shard: for a ClusterSample,
    each shard's part of every stratum. Raises LabelError without labels, and if strata with more than 5 % of the weight
    have none.
    """
    _check_labels(strata)
    sampled = design.row_sampling_fraction(sum(stratum.size for stratum in strata))
    bases = {basis for stratum in strata for votes in stratum.votes for basis, _ in votes.definite}
    is_exact = prediction is None and not any(PRIORS[basis] for basis in bases)
    vague = _EXACT_BETAS if is_exact else (_VAGUE_BETA, _VAGUE_BETA)
    low = _Model(strata, prediction, sampled, HumanLabel.REAL, vague[0]).interval(confidence)
    is_unsure = any(not votes.usable for stratum in strata for votes in stratum.votes)
    high = low
    if is_unsure or is_exact:
        high = _Model(strata, prediction, sampled, HumanLabel.SYNTHETIC, vague[1]).interval(confidence)
    if isinstance(design, ClusterSample):
        low = add_between_cluster_variance(low, by_shard, design, unsure_as_synthetic=False)
        high = add_between_cluster_variance(high, by_shard, design, unsure_as_synthetic=True)
    found = Interval((low.point + high.point) / 2, min(low.low, high.low), max(low.high, high.high))
    if prediction or is_exact:
        return found
    # The errors that the priors expect may not have happened.
    exact = two_phase(list(map(_at_face_value, strata)), design=design, by_shard=by_shard, confidence=confidence)
    return Interval(found.point, min(found.low, exact.low), max(found.high, exact.high))


def _at_face_value(stratum: LabelledStratum) -> LabelledStratum:
    """The stratum with labels that have no errors; images on which people disagree are unsure."""
    votes: dict[Votes, float] = defaultdict(float)
    for each, n in stratum.votes.items():
        votes[EXACT[each.consensus]] += n
    return replace(stratum, votes=votes)


def _check_labels(strata: Sequence[LabelledStratum]) -> None:
    """Raises LabelError as `two_phase` does."""
    weight = sum(stratum.total_weight for stratum in strata)
    labelled = sum(stratum.total_weight for stratum in strata if stratum.labelled)
    if not any(stratum.labelled for stratum in strata):
        raise TooFewLabels("no row of the audit has a label: label some rows (auditor label)")
    if weight - labelled > _MAX_UNLABELLED * weight:
        raise TooFewLabels(
            f"strata with {100 * (1 - labelled / weight):.0f} % of the rows have no label (at most 5 % are allowed): "
            "label rows of each stratum"
        )


class _Stratum:
    """The labels of one stratum, and their likelihood on the grid of its synthetic share.

    The annotators' error rates are integrated over by weighted draws. They differ between strata, because images that
    mislead the classifier mislead people too.
    """

    def __init__(self, counts: LabelledStratum, unsure_as: HumanLabel, rng: np.random.Generator) -> None:
        self.counts = counts
        self.votes = _resolved(counts.votes, unsure_as)
        bases = {basis for votes in self.votes for basis, _ in votes.votes}
        rates = ErrorRates.prior(bases)
        for _ in range(_ROUNDS if rates.priors else 1):
            # Later rounds draw where the labels of the round before put the rates.
            log_weight = rates.draw(_RATES if rates.priors else 1, rng)
            joint = log_weight + self._log_likelihood(_SHARES, rates, len(log_weight))
            rates.fit(_normalised(_log_sum(joint.T)))
        self._joint = joint
        self.log_likelihood = _log_mean(joint)
        self.log_none = float(_log_mean(log_weight + self._log_likelihood(np.zeros(1), rates, len(log_weight)))[0])
        # The probability that a labelled image is synthetic needs the votes' probabilities at each draw of the rates.
        self._by_votes = {votes: votes.likelihood(rates, len(log_weight)) for votes in self.votes}

    def _log_likelihood(self, shares: np.ndarray, rates: ErrorRates, draws: int) -> np.ndarray:
        """float64 (shares, draws)."""
        total = np.zeros((len(shares), draws))
        for votes, n in self.votes.items():
            if_synthetic, if_real = votes.likelihood(rates, draws)
            probability = shares[:, None] * if_synthetic + (1 - shares[:, None]) * if_real
            with np.errstate(divide="ignore"):  # labels without errors exclude a share of 0
                total += n / self.counts.design_effect * np.log(probability)
        return total

    def labelled_synthetic(self, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draws of the number of labelled rows that are synthetic, float64 (draws,). place: the share's place in the
        grid, (draws,)."""
        rates = _choose(_normalised(self._joint), place, rng) if self._joint.shape[1] > 1 else 0
        share, number = _SHARES[place], np.zeros(len(place))
        for votes, n in self.votes.items():
            if_synthetic, if_real = (np.resize(p, self._joint.shape[1])[rates] for p in self._by_votes[votes])
            synthetic = share * if_synthetic
            number += _binomial(n, synthetic / np.maximum(synthetic + (1 - share) * if_real, _TINY), 1.0, rng)
        return number


class _Model:
    """The posterior of the strata's synthetic shares: a mixture over the vague component and the kernels of the
    prediction, given each of which the strata are independent.

    unsure_as: the label that stands for unsure. vague: Beta distribution of the vague component.
    """

    def __init__(
        self,
        strata: Sequence[LabelledStratum],
        prediction: Prediction | None,
        sampled: float,
        unsure_as: HumanLabel,
        vague: tuple[float, float],
    ) -> None:
        self._rng = np.random.default_rng(0)
        self._sampled = sampled
        self._strata = [_Stratum(s, unsure_as, self._rng) for s in strata if s.verdict is not None]
        self._decided = [stratum for stratum in strata if stratum.verdict is None]
        log_vague = vague[0] * np.log(_SHARES) + vague[1] * np.log1p(-_SHARES)  # density of the logit
        # For each stratum: log of prior times likelihood on the grid, of each component, (components, grid).
        self._log_joint = []
        log_evidence: np.ndarray | float = np.log([1.0])
        if prediction:
            weight = (1 - _VAGUE) / len(prediction.logits)
            log_evidence = np.log([_VAGUE, *[weight] * len(prediction.logits)])
        for stratum in self._strata:
            priors = [log_vague - _log_sum(log_vague)]
            if prediction:
                priors.extend(prediction.log_kernels[stratum.counts.verdict or 0])
            joint = np.array(priors) + stratum.log_likelihood
            self._log_joint.append(joint)
            log_evidence = log_evidence + _log_sum(joint)
        self._component = _normalised(np.asarray(log_evidence))
        none = _NONE * np.exp(sum(stratum.log_none for stratum in self._strata) - np.max(log_evidence))
        self._none = none / (none + (1 - _NONE) * np.exp(log_evidence - np.max(log_evidence)).sum())

    def interval(self, confidence: float) -> Interval:
        """The posterior median of the population's fraction, and its central interval.

        The lower end is 0 for the undecided rows if all labels that say synthetic may be errors, or none says it. The
        upper end is 1 without a label that says real.
        """
        decided, open_, weight = self._fraction()
        tail = (1 - confidence) / 2
        point, low, high = (float(np.quantile(decided + open_, q)) for q in (0.5, tail, 1 - tail))
        labels = {label for stratum in self._strata for votes in stratum.votes for _, label in votes.usable}
        if self._none > tail or HumanLabel.SYNTHETIC not in labels:
            low = min(low, float(np.quantile(decided, tail)))
        if HumanLabel.REAL not in labels:
            high = max(high, float(np.quantile(decided + weight, 1 - tail)))
        # Sums of weights may round to more than 1.
        return Interval(min(1.0, point), max(0.0, low), min(1.0, high))

    def _fraction(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws of the population's synthetic share in decided and in undecided rows, and the share of undecided rows,
        float64 (draws,) each."""
        rng = self._rng
        component = rng.choice(len(self._component), _DRAWS, p=self._component)
        every = [*(stratum.counts for stratum in self._strata), *self._decided]
        sizes = np.array([stratum.size for stratum in every])
        total = sum(stratum.total_weight for stratum in every) / self._sampled
        # Rows outside the sample have the strata's shares only approximately (Rubin's Bayesian bootstrap, 1981).
        unsampled = sizes.sum() * (1 / self._sampled - 1)
        outside = rng.dirichlet(sizes, _DRAWS) * unsampled if unsampled > 0 else np.zeros((_DRAWS, len(sizes)))
        open_, undecided = np.zeros(_DRAWS), np.zeros(_DRAWS)
        for index, (stratum, log_joint) in enumerate(zip(self._strata, self._log_joint, strict=True)):
            place = _choose(_normalised(log_joint), component, rng)
            within = (rng.random(_DRAWS) - 0.5) * (_LOGITS[1] - _LOGITS[0])
            counts, share = stratum.counts, 1 / (1 + np.exp(-_LOGITS[place] - within))
            unlabelled = max(0.0, counts.size - counts.labelled)
            open_ += counts.mean_weight * stratum.labelled_synthetic(place, rng)
            open_ += counts.mean_weight * _binomial(unlabelled, share, counts.design_effect, rng)
            open_ += _binomial(outside[:, index], share, 1.0, rng)
            undecided += counts.total_weight + outside[:, index]
        decided = np.zeros(_DRAWS)
        for index, counts in enumerate(self._decided, len(self._strata)):
            synthetic = counts.positives(False) / counts.labelled
            decided += (counts.total_weight + outside[:, index]) * synthetic
        return decided / total, open_ / total, undecided / total


def _log_sum(logs: np.ndarray) -> np.ndarray:
    """The log of the sum over the last axis."""
    from scipy.special import logsumexp

    total: np.ndarray = logsumexp(logs, axis=-1)
    return total


def _log_mean(logs: np.ndarray) -> np.ndarray:
    """The log of the mean over the last axis."""
    return _log_sum(logs) - math.log(logs.shape[-1])


def _normalised(logs: np.ndarray) -> np.ndarray:
    """Weights, summing to 1 along the last axis, from their logs."""
    weight = np.exp(logs - logs.max(axis=-1, keepdims=True))
    normalised: np.ndarray = weight / weight.sum(axis=-1, keepdims=True)
    return normalised


def _choose(weight: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random place in each of some rows of weights, in proportion to them, int (draws,). weight: float64 (rows, n),
    each row summing to 1. rows: int (draws,)."""
    n = weight.shape[1]
    below = (np.cumsum(weight, axis=1) + np.arange(len(weight))[:, None]).ravel()
    place: np.ndarray = np.clip(np.searchsorted(below, rows + rng.random(len(rows))) - rows * n, 0, n - 1)
    return place


def _resolved(votes: Mapping[Votes, float], unsure_as: HumanLabel) -> dict[Votes, float]:
    """The votes, with a label without errors instead of unusable ones."""
    resolved: dict[Votes, float] = defaultdict(float)
    for vote, n in votes.items():
        if n:
            resolved[vote if vote.usable else EXACT[unsure_as]] += n
    return dict(resolved)


def _binomial(n: float | np.ndarray, share: np.ndarray, effect: float, rng: np.random.Generator) -> np.ndarray:
    """Draws of the number of synthetic rows among n with a design effect, float64 (draws,)."""
    trials = np.round(n / effect)
    # Fractional rows that round to none count with their mean.
    drawn = rng.binomial(trials.astype(np.int64), share) * (n / np.maximum(trials, 1))
    number: np.ndarray = np.where(trials > 0, drawn, n * share)
    return number


def _logit(shares: np.ndarray) -> np.ndarray:
    clipped = np.clip(shares, _CLIP, 1 - _CLIP)
    logits: np.ndarray = np.log(clipped) - np.log1p(-clipped)
    return logits
