"""Tests of paired scores against enumeration: every pattern of signs, every outcome of a binomial."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from wganlib.judging import statistics


def patterns(n):
    return itertools.product([-1, 1], repeat=n)


def binomial(n, k, share):
    return math.comb(n, k) * share**k * (1 - share) ** (n - k)


def sign_p(n, wins):
    """Share of sign patterns at least as far from half as the one found."""
    as_far = sum(abs(2 * sum(s > 0 for s in signs) - n) >= abs(2 * wins - n) for signs in patterns(n))
    return as_far / 2**n


def test_outcomes_leave_ties_out_and_know_which_is_the_first():
    assert statistics.outcomes([2.0, 1.0, 3.0, 5.0], [1.0, 2.0, 3.0, 4.0]) == (2, 1, 1)
    assert statistics.outcomes([1.0 + 1e-12], [1.0]) == (0, 0, 1)


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (4, 3), (0, 6), (9, 1), (5, 5)])
def test_the_sign_test_counts_all_sign_patterns(wins, losses):
    found = statistics.sign_test(wins, losses)
    assert found.p_value == pytest.approx(sign_p(wins + losses, wins))
    assert found.share == wins / (wins + losses)


def test_the_share_of_wins_has_the_clopper_pearson_interval():
    _, share, (low, high) = statistics.sign_test(8, 2)
    assert share == 0.8
    assert sum(binomial(10, k, low) for k in range(8, 11)) == pytest.approx(0.025)
    assert sum(binomial(10, k, high) for k in range(9)) == pytest.approx(0.025)
    assert statistics.sign_test(0, 0) == (1.0, None, None)


def test_the_papers_counts_are_not_significant_in_either_reading():
    # 100 to 77 of 177, and 100 of 174: protocol, section 1.4 (3).
    assert statistics.sign_test(100, 77).p_value == pytest.approx(0.098, abs=5e-4)
    assert statistics.sign_test(100, 74).p_value == pytest.approx(0.058, abs=5e-4)


@pytest.mark.parametrize("pairs", [1, 5, 6, 8, 12, 13])
@pytest.mark.parametrize("share", [0.5, 100 / 177, 0.9])
def test_power_sums_the_binomial_over_the_counts_that_the_test_rejects(pairs, share):
    expected = sum(binomial(pairs, k, share) for k in range(pairs + 1) if sign_p(pairs, k) <= 0.05)
    assert statistics.sign_test_power(pairs, share) == pytest.approx(expected, abs=1e-12)


def test_power_keeps_a_count_whose_p_is_the_level_itself():
    # Five wins of five have p = 1/16.
    assert statistics.sign_test_power(5, 0.9, level=1 / 16) == pytest.approx(0.9**5 + 0.1**5)


@pytest.mark.parametrize("share", [0.7, 0.8, 0.2])
def test_enough_pairs_are_those_from_which_on_the_power_stays(share):
    enough = statistics.sign_test_pairs(share)

    def power(n):
        rejected = [k for k in range(n + 1) if stats.binomtest(k, n).pvalue <= 0.05]
        return sum(binomial(n, k, share) for k in rejected)

    assert power(enough - 1) < 0.8
    assert all(power(n) >= 0.8 for n in range(enough, enough + 40))


def test_no_number_of_pairs_tells_half_from_chance():
    with pytest.raises(ValueError, match=r"share: found 0\.5"):
        statistics.sign_test_pairs(0.5)


def test_pseudo_values_of_a_mean_are_the_values_and_those_of_a_variance_estimate_it():
    values = np.random.default_rng(0).normal(size=9)
    assert statistics.pseudo_values(np.mean, list(values)) == pytest.approx(values)
    # The jackknife's estimate of the variance with divisor n is the one with n - 1 (Efron 1982, chapter 2).
    assert statistics.pseudo_values(np.var, list(values)).mean() == pytest.approx(values.var(ddof=1))


def test_the_spread_between_groups_leaves_out_what_chance_within_them_makes():
    random = np.random.default_rng(1)
    alike = random.normal(size=(4000, 3))
    assert statistics.spread_between(alike) == pytest.approx(0, abs=0.03)
    apart = alike + 2 * random.normal(size=(4000, 1))
    assert statistics.spread_between(apart) == pytest.approx(4, rel=0.06)
    # Between 4, within 1: a single value's variance is the groups' to 0.8.
    assert statistics.reliability(apart) == pytest.approx(0.8, abs=0.02)


def test_a_partial_correlation_is_that_of_what_the_third_leaves():
    """Of normal scores the partial correlation is that of the residuals of two regressions; ranks stand in for scores."""
    random = np.random.default_rng(2)
    given = random.normal(size=60)
    x, y = given + random.normal(size=60), given + random.normal(size=60)
    ranks = [stats.rankdata(values) for values in (x, y, given)]
    line = np.stack([ranks[2], np.ones(60)], axis=1)
    residuals = [values - line @ np.linalg.lstsq(line, values, rcond=None)[0] for values in ranks[:2]]
    assert statistics.partial_rank_correlation(x, y, given) == pytest.approx(np.corrcoef(*residuals)[0, 1])
    assert math.isnan(statistics.partial_rank_correlation(x, np.ones(60), given))
