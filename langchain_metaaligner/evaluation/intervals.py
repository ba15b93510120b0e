"""Intervals and corrections for win rates and means. All intervals cover 95 %."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Interval = tuple[float, float]

CONFIDENCE = 0.95
Z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
"""How many standard errors a 95 % interval reaches to each side."""
DRAWS = 2_000
_VALUES_AT_ONCE = 1 << 22  # drawn values in memory: 32 MiB


def wilson(hits: int, n: int) -> Interval | None:
    """Wilson's interval of a share; None of nothing.

    >>> tuple(round(end, 3) for end in wilson(8, 10))
    (0.49, 0.943)
    """
    if n == 0:
        return None
    interval = stats.binomtest(hits, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def net_win(wins: int, ties: int, losses: int) -> tuple[float, Interval] | None:
    """Wins less losses, as a share of all comparisons, with its interval; None without any.

    Above 0 wins prevail, below 0 losses, however many ties there are. The interval is Agresti's and
    Min's for matched pairs (Statistics in Medicine 24, 2005), half a pair being added to each cell:
    it does not shrink to a point where all pairs agree.

    >>> net, (low, high) = net_win(wins=26, ties=53, losses=1)
    >>> round(net, 3), round(low, 2), round(high, 2)
    (0.312, 0.2, 0.41)
    """
    n = wins + ties + losses
    if n == 0:
        return None
    difference, discordant, total = wins - losses, wins + losses + 1, n + 2
    middle = difference / total
    half = Z * math.sqrt(discordant - difference * middle) / total
    return (wins - losses) / n, (max(-1.0, middle - half), min(1.0, middle + half))


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval | None:
    """Percentile bootstrap of a mean, the same for the same values; None of less than two.

    >>> low, high = bootstrap([0.0, 1.0] * 50)
    >>> low < 0.5 < high
    True
    """
    if len(values) < 2:
        return None
    interval = stats.bootstrap(
        (np.asarray(values, dtype=float),),
        np.mean,
        n_resamples=DRAWS,
        batch=max(1, _VALUES_AT_ONCE // len(values)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def standard_error(values: Sequence[float]) -> float:
    """The standard error of a mean; 0 of less than two values.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return float(stats.sem(values)) if len(values) > 1 else 0.0


def quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """The values below which 25, 50 and 75 % lie, never beyond the values; None of nothing.

    >>> quartiles([0.0, 10.0])
    (2.5, 5.0, 7.5)
    """
    if not values:
        return None
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(low), float(middle), float(high)


def length_controlled(outcomes: Sequence[float], differences: Sequence[float]) -> float | None:
    """The win rate that equal lengths would have, by a logistic regression on the difference.

    As AlpacaEval's length-controlled win rate: the outcome is explained by the tanh of the
    standardised difference in length, and read off where that is zero.

    Args:
        outcomes: 1 for a win, 0 for a loss, 0.5 for a tie.
        differences: length of the evaluated response less that of the other.

    Returns:
        A share; None where there are no outcomes of both kinds.
    """
    from sklearn.linear_model import LogisticRegression

    if not {0.0, 1.0} <= set(outcomes):
        return None
    spread = math.sqrt(float(np.mean(np.square(differences)))) or 1.0
    lengths = np.tanh(np.asarray(differences) / spread)[:, None]
    wins = np.asarray(outcomes)
    rows = np.concatenate([lengths, lengths])  # each once as a win, once as a loss: a tie is both
    won = np.concatenate([np.ones(len(wins)), np.zeros(len(wins))])
    model = LogisticRegression().fit(rows, won, sample_weight=np.concatenate([wins, 1 - wins]))
    return float(model.predict_proba([[0.0]])[0][1])
