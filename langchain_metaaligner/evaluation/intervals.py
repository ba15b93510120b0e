"""Intervals and corrections for win rates and means. All intervals cover 95 %."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import fmean

Interval = tuple[float, float]
DRAWS = 2_000


def wilson(hits: int, n: int) -> Interval:
    """Wilson's interval of a share.

    >>> tuple(round(end, 3) for end in wilson(8, 10))
    (0.49, 0.943)
    """
    if n == 0:
        return 0.0, 1.0
    z, share = 1.96, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval | None:
    """Percentile bootstrap of a mean, the same for the same values; None without any.

    >>> low, high = bootstrap([0.0, 1.0] * 50)
    >>> low < 0.5 < high
    True
    """
    if not values:
        return None
    chance, n = random.Random(seed), len(values)
    means = sorted(fmean(chance.choices(values, k=n)) for _ in range(DRAWS))
    return means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS) - 1]


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

    if len({outcome > 0.5 for outcome in outcomes if outcome != 0.5}) < 2:
        return None
    spread = math.sqrt(fmean(one * one for one in differences)) or 1.0
    features = [[math.tanh(one / spread)] for one in differences]
    # A tie is half a win and half a loss.
    rows = [row for row in features for _ in range(2)]
    wins = [won for _ in features for won in (1, 0)]
    weights = [weight for one in outcomes for weight in (one, 1 - one)]
    model = LogisticRegression().fit(rows, wins, sample_weight=weights)
    return float(model.predict_proba([[0.0]])[0][1])
