"""The rules against scipy's own tests, against enumeration, and at edges; power by samples made up again."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from wganlib.judging import estimates, rules
from wganlib.judging.region import Region
from wganlib.judging.rules import by_interval, holm

INF, NAN = math.inf, math.nan
ABOVE, BELOW, ALIKE = Region(low=0.3), Region(high=0.3), Region(-0.3, 0.3)
SYMMETRIC = [-2.0, -1.0, 0.0, 1.0, 2.0]
"""Without skewness, where intervals are Student's."""


@pytest.mark.parametrize(
    ("low", "high", "region", "verdict"),
    [
        (0.31, 0.5, ABOVE, "holds"),
        (0.3, 0.5, ABOVE, "undecided"),
        (0.1, 0.3, ABOVE, "fails"),
        (0.1, 0.5, ABOVE, "undecided"),
        (0.3, 0.5, BELOW, "fails"),
        (-0.29, 0.29, ALIKE, "holds"),
        (-0.3, 0.29, ALIKE, "undecided"),
        (-0.29, 0.3, ALIKE, "undecided"),
        (0.1, 0.3, BELOW, "undecided"),
        (-0.9, -0.3, ALIKE, "fails"),
        (0.3, INF, ALIKE, "fails"),
        (NAN, NAN, ALIKE, "undecided"),
        (NAN, 0.1, BELOW, "undecided"),
        (INF, INF, ABOVE, "holds"),
        (0.5, INF, ABOVE, "holds"),
        (-INF, 0.1, BELOW, "holds"),
        (-INF, -INF, BELOW, "holds"),
        (-INF, -INF, ABOVE, "fails"),
        (INF, INF, BELOW, "fails"),
        (-INF, INF, ABOVE, "undecided"),
    ],
)
def test_an_interval_is_inside_outside_or_neither_and_edges_do_not_belong_to_the_region(low, high, region, verdict):
    assert by_interval(low, high, region) == verdict


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.2])
def test_without_skewness_the_interval_and_p_are_those_of_students_test(shift):
    x = np.array(SYMMETRIC) + shift
    judged, test = rules.interval(x, Region(low=0.0)), stats.ttest_1samp(x, 0.0)
    assert (judged.low, judged.high) == pytest.approx(tuple(test.confidence_interval(0.95)), abs=1e-5)
    assert judged.p_value == pytest.approx(test.pvalue, abs=1e-6)
    assert (judged.effect, judged.n) == (pytest.approx(shift), 5)
    assert judged.verdict == ("holds" if test.pvalue < 0.05 and shift > 0 else "undecided")


def test_without_skewness_two_samples_have_welchs_error_and_fewer_degrees_of_freedom():
    a, b = np.array(SYMMETRIC) + 3, np.array([-3.0, 0.0, 3.0, 1.0, -1.0, 0.0])
    judged, test = rules.difference(a, b, Region(low=0.0)), stats.ttest_ind(a, b, equal_var=False)
    freedom = stats.hmean([test.df, 4])
    half = stats.t.isf(0.025, freedom) * (a.mean() - b.mean()) / test.statistic
    assert (judged.low, judged.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert judged.p_value == pytest.approx(2 * stats.t.sf(test.statistic, freedom), abs=1e-6)
    assert (judged.n, judged.p_value > test.pvalue) == (5, True)


def test_a_skewed_sample_has_halls_interval_where_it_is_the_wider_one():
    """By a search for the means that the transformed t does not refuse, instead of its inverse."""
    x = np.array([0.1, 0.3, 0.2, 0.9, 2.5, 0.4])
    n, error = len(x), x.std(ddof=1) / math.sqrt(len(x))
    critical, a = stats.t.ppf(0.975, n - 1), stats.skew(x, bias=False) / math.sqrt(n)

    # scipy's skewness is that of k-statistics: the third over the variance to the power of 1.5.
    def kept(mean):
        t = (x.mean() - mean) / error
        transformed = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
        return abs(t) <= critical or abs(transformed) <= critical

    grid = np.linspace(x.mean() - 5 * error, x.mean() + 20 * error, 200_001)
    inside = grid[[kept(mean) for mean in grid]]
    judged = rules.interval(x, Region(low=0.0))
    assert (judged.low, judged.high) == pytest.approx((inside.min(), inside.max()), abs=3e-4)
    student = stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
    assert judged.high > student.high + 0.2
    assert judged.low == pytest.approx(student.low, abs=1e-9)


@pytest.mark.parametrize("values", [[0.1, 0.5, 3.0], [-4.0, 1.0, 1.2, 1.1], [0.0, 0.0, 0.0, 7.0, 1.0]])
def test_p_is_the_level_at_which_the_interval_meets_the_edge(values):
    for edge in (-1.0, 0.2, 4.0, 9.0):
        p = rules.interval(values, Region(low=edge)).p_value
        if p < 1:
            low, high = estimates.mean(np.array(values)).bounds(p)
            assert min(abs(low - edge), abs(high - edge)) < 1e-6


def test_an_equivalence_holds_by_the_interval_of_90_percent_and_fails_by_that_of_95():
    x = np.array(SYMMETRIC) / 10
    narrow, wide = (stats.ttest_1samp(x, 0.0).confidence_interval(level).high for level in (0.9, 0.95))
    margin = (narrow + wide) / 2
    assert rules.interval(x, Region(-margin, margin), equivalence=True).verdict == "holds"
    assert rules.interval(x, Region(-margin, margin)).verdict == "undecided"
    assert rules.interval(x - 2 * margin, Region(-margin, margin), equivalence=True).verdict == "undecided"
    one_sided = stats.ttest_1samp(x, margin, alternative="less").pvalue
    assert rules.interval(x, Region(-margin, margin), equivalence=True).p_value == pytest.approx(one_sided, abs=1e-6)


@pytest.mark.parametrize(("values", "effect"), [([], NAN), ([1.0], 1.0), ([1.0, 3.0], 2.0)])
def test_fewer_than_three_units_are_undecided_and_three_are_asked_for(values, effect):
    for judged in (rules.interval(values, ABOVE), rules.difference(values, [0.0] * len(values), ABOVE)):
        assert (judged.verdict, judged.n, judged.needed) == ("undecided", len(values), 3)
        assert judged.effect == pytest.approx(effect, nan_ok=True)
        assert math.isnan(judged.low)


def test_equal_values_have_no_spread_to_go_by():
    for judged in (
        rules.interval([0.1 + 0.2, 0.3, 0.3], Region(low=0.1)),
        rules.difference([1.0] * 4, [0.0] * 4, Region(low=0.1)),
        rules.variance_ratio([1.0] * 4, [0.0, 1.0, 2.0], Region(low=1.0)),
        rules.variance_ratio([0.0, 1.0, 2.0], [1.0] * 4, Region(low=1.0)),
    ):
        assert judged.verdict == "undecided"
        assert judged.why == "all values are equal: they have no spread to go by"
    assert rules.difference([1.0] * 4, [0.0, 0.01, 0.02], Region(low=0.1)).verdict == "holds"


@pytest.mark.parametrize(("n", "verdict"), [(5, "undecided"), (6, "holds")])
def test_six_equal_values_have_their_median_s_interval(n, verdict):
    judged = rules.interval([-1.0] * n, Region(high=-0.9))
    assert judged.verdict == verdict
    # That all of six lie on one side of the median has a chance of 2 (1/2)^6.
    assert judged.p_value == pytest.approx(2 / 64) if n == 6 else math.isnan(judged.p_value)


def test_a_value_that_is_not_a_number_leaves_it_undecided_and_says_so():
    x = [1.0, NAN, 2.0, 3.0]
    for judged in (
        rules.interval(x, ABOVE),
        rules.exact(x, ABOVE),
        rules.counter_example(x, ABOVE),
        rules.difference(x, [1.0, 2.0, 3.0, 4.0], ABOVE),
        rules.variance_ratio([1.0, 2.0, 3.0, 4.0], x, ABOVE),
    ):
        assert judged.verdict == "undecided"
        assert judged.why.startswith("1 of ")
        assert judged.why.endswith("units lack a value")


def median_interval(values):
    """The narrowest pair of equally far order statistics that covers the median with 95 %, by counting sign patterns."""
    n, best = len(values), None
    for rank in range(n // 2):
        missed = 2 * sum(math.comb(n, k) for k in range(rank + 1)) / 2**n
        if missed <= 0.05:
            best = rank
    return None if best is None else (sorted(values)[best], sorted(values)[n - 1 - best])


@pytest.mark.parametrize("n", [1, 5, 6, 8, 9, 12, 17, 30])
@pytest.mark.parametrize("failed", [INF, -INF])
def test_with_a_run_that_failed_the_medians_exact_interval_stands_for_the_means(n, failed):
    values = [*np.linspace(1, 2, n - 1), failed]
    judged, expected = rules.interval(values, Region(low=0.0)), median_interval(values)
    if expected is None:
        assert (judged.verdict, math.isnan(judged.low)) == ("undecided", True)
    else:
        assert (judged.low, judged.high) == expected
        assert judged.verdict == ("holds" if expected[0] > 0 else "undecided")
        # At an edge just outside the interval the sign test's p is below 5 %, within it above.
        edge = judged.low - 1e-9 if math.isfinite(judged.low) else judged.high + 1e-9
        assert rules.interval(values, Region(low=edge)).p_value <= 0.05
        assert rules.interval(values, Region(low=1.5)).p_value > 0.05


def test_methods_that_always_fail_are_judged_too_and_of_two_samples_none_is():
    assert rules.interval([INF] * 6, Region(low=0.3)).verdict == "holds"
    assert rules.interval([INF] * 6, Region(high=0.3)).verdict == "fails"
    assert math.isnan(rules.interval([-INF, -INF, INF, INF], ABOVE).effect)
    assert "failed" in rules.difference([1.0, 2.0, INF], [1.0, 2.0, 3.0], ABOVE).why


@pytest.mark.parametrize("trials", [1, 2, 5, 8, 13])
def test_a_share_has_clopper_and_pearsons_interval_by_sums_of_the_binomial(trials):
    for k in range(trials + 1):
        judged = rules.share(k, trials, Region(low=0.5))

        def tail(share, least, most, trials=trials):
            return sum(math.comb(trials, j) * share**j * (1 - share) ** (trials - j) for j in range(least, most + 1))

        assert judged.low == 0 if k == 0 else tail(judged.low, k, trials) == pytest.approx(0.025)
        assert judged.high == 1 if k == trials else tail(judged.high, 0, k) == pytest.approx(0.025)
        test = stats.binomtest(k, trials, 0.5)
        assert judged.p_value == pytest.approx(test.pvalue)
        if test.pvalue <= 0.05:
            assert judged.verdict == ("holds" if k > trials / 2 else "fails")
        else:
            assert judged.verdict == "undecided"


def test_no_trials_no_word_and_an_edge_at_nothing_or_all():
    assert rules.share(0, 0, Region(low=0.5))[:1] == ("undecided",)
    assert rules.share(1, 20, Region(low=0.0)).verdict == "holds"
    assert rules.share(0, 20, Region(low=0.0)).verdict == "undecided"
    assert rules.share(20, 20, Region(0.2, 0.9)).verdict == "undecided"
    assert rules.share(50, 50, Region(0.2, 0.9)).verdict == "fails"
    assert rules.share(50, 100, Region(0.35, 0.65)).verdict == "holds"


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 4), (5, 8), (8, 8)])
def test_two_shares_are_compared_by_fishers_test_counted_out(n, m):
    for a, b in itertools.product(range(n + 1), range(m + 1)):
        judged = rules.share_difference((a, n), (b, m))
        # All ways to deal the successes among the units.
        ways = {k: math.comb(n, k) * math.comb(m, a + b - k) for k in range(max(0, a + b - m), min(n, a + b) + 1)}
        total = sum(ways.values())
        sides = [sum(w for k, w in ways.items() if k <= a) / total, sum(w for k, w in ways.items() if k >= a) / total]
        p = min(1.0, 2 * min(sides))
        assert judged.p_value == pytest.approx(p)
        assert judged.verdict == ("undecided" if p > 0.05 else "holds" if a / n > b / m else "fails")
        if n == m:
            assert stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue == pytest.approx(p)


@pytest.mark.parametrize("n", [3, 8])
def test_a_ratio_of_normal_variances_is_judged_by_fishers_f(n):
    a = np.arange(n) * 1.0
    b = a / 3
    heavy = estimates.variance_ratio(a, a).freedom
    assert heavy == n - 1  # flat values have lighter tails than normal ones
    judged = rules.variance_ratio(a, a + 5, Region(low=1 / 9))
    p = 2 * stats.f.sf(9, n - 1, n - 1)
    assert judged.p_value == pytest.approx(p)
    assert judged.low == pytest.approx(1 / stats.f.isf(0.025, n - 1, n - 1))
    assert judged.high == pytest.approx(1 / stats.f.isf(0.975, n - 1, n - 1))
    assert judged.verdict == ("holds" if p < 0.05 else "undecided")
    assert rules.variance_ratio(b, a, Region(low=1.0)).effect == pytest.approx(1 / 9)


def test_heavy_tails_widen_the_interval_of_a_ratio_by_shoemakers_degrees_of_freedom():
    a, b = np.array([0.0, 0.1, -0.1, 0.05, 5.0, -0.02]), np.array([0.3, -0.3, 0.2, 4.0, 0.1, -0.2])
    kurtosis = stats.kurtosis(np.concatenate([a - a.mean(), b - b.mean()]), fisher=False)
    freedom = 2 * 6 / (kurtosis - 3 / 5)
    judged = rules.variance_ratio(a, b, Region(low=1.0))
    assert freedom < 4
    assert judged.low == pytest.approx(judged.effect / stats.f.ppf(0.975, freedom, freedom))


def test_exact_claims_ask_for_every_value_and_show_the_worst():
    assert rules.exact([0.0, 1e-13, -1e-13], Region(-1e-12, 1e-12)).verdict == "holds"
    judged = rules.exact([0.0, 1e-13, -1e-3, 1e-4], Region(-1e-12, 1e-12))
    assert (judged.verdict, judged.effect, judged.low, judged.high, judged.n) == ("fails", -1e-3, -1e-3, 1e-4, 4)
    assert rules.exact([0.3], ABOVE).verdict == "fails"
    assert rules.exact([INF, INF], ABOVE).verdict == "holds"
    assert rules.exact([0.4, INF], BELOW).effect == INF
    assert rules.exact([], ABOVE).verdict == "undecided"


def test_a_counter_example_fails_a_claim_at_once_and_59_units_without_one_let_it_hold():
    assert 0.95**59 < 0.05 < 0.95**58
    assert rules.counter_example([1.0] * 59, ABOVE).verdict == "holds"
    few = rules.counter_example([1.0] * 58, ABOVE)
    assert (few.verdict, few.needed) == ("undecided", 59)
    judged = rules.counter_example([1.0, 0.3, 2.0], ABOVE)
    assert (judged.verdict, judged.effect) == ("fails", 0.3)


def test_among_several_that_must_all_hold_one_fails_by_a_divided_level_alone():
    x = np.array(SYMMETRIC) - 2.2
    p = stats.ttest_1samp(x, 0.0).pvalue
    assert 0.0125 < p < 0.05
    assert rules.interval(x, Region(low=0.0)).verdict == "fails"
    assert rules.interval(x, Region(low=0.0), among=4).verdict == "undecided"
    assert rules.interval(-x, Region(low=0.0), among=4).verdict == "holds"
    assert rules.difference(x, [-0.1, 0.0, 0.1], Region(low=0.0), among=9).verdict == "undecided"
    assert [rules.share(0, 6, Region(low=0.5), among=k).verdict for k in (1, 2)] == ["fails", "undecided"]
    assert [rules.share_difference((0, 4), (4, 4), among=k).verdict for k in (1, 2)] == ["fails", "undecided"]
    assert [rules.interval([-1.0] * 5 + [-INF], ABOVE, among=k).verdict for k in (1, 2)] == ["fails", "undecided"]
    a = np.arange(9.0)
    assert [rules.variance_ratio(a, 2.2 * a, Region(low=1.0), among=k).verdict for k in (1, 4)] == ["fails", "undecided"]


def decided_share(rule, draw, verdict, repeats=600):
    generator = np.random.default_rng(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "MOST_UNITS", 0)  # to look for units needed takes the time
        return np.mean([rule(draw(generator)).verdict == verdict for _ in range(repeats)])


@pytest.mark.parametrize(
    ("region", "equivalence", "mean", "verdict"),
    [(Region(low=0.0), False, 0.9, "holds"), (Region(low=1.5), False, 0.5, "fails"), (Region(-1.0, 1.0), True, 0.1, "holds")],
)
def test_units_needed_decide_four_times_in_five(region, equivalence, mean, verdict):
    x = np.array(SYMMETRIC) / math.sqrt(2.5) + mean
    judged = rules.interval(x, region, equivalence=equivalence)
    assert judged.verdict == "undecided"
    n = judged.needed
    assert n > 5

    def rule(values):
        return rules.interval(values, region, equivalence=equivalence)

    assert decided_share(rule, lambda g: g.normal(mean, 1, n), verdict) == pytest.approx(0.8, abs=0.06)
    assert decided_share(rule, lambda g: g.normal(mean, 1, n - 2), verdict) < 0.8


def test_units_needed_of_two_samples_are_those_of_each_whatever_the_present_sizes():
    a, b = np.array(SYMMETRIC) + 1.2, np.tile(SYMMETRIC, 8)
    n = rules.difference(a, b, Region(low=0.0)).needed
    sd = a.std(ddof=1), b.std(ddof=1)

    def rule(pair):
        return rules.difference(*pair, Region(low=0.0))

    power = decided_share(rule, lambda g: (g.normal(1.2, sd[0], n), g.normal(0, sd[1], n)), "holds")
    assert power == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(("successes", "region"), [(7, Region(low=0.5)), (5, Region(0.2, 0.8)), (5, Region(low=0.8))])
def test_units_needed_for_a_share_have_enough_power_by_the_whole_binomial(successes, region):
    judged = rules.share(successes, 9, region)
    true, verdict = successes / 9, "holds" if region.low < successes / 9 < region.high else "fails"
    assert judged.verdict == "undecided"

    def power(n):
        return sum(stats.binom.pmf(k, n, true) for k in range(n + 1) if rules.share(k, n, region).verdict == verdict)

    assert power(judged.needed) >= 0.8
    assert power(judged.needed - 1) < 0.8


def test_units_needed_of_two_shares_and_of_a_ratio_are_about_enough():
    n = rules.share_difference((4, 5), (2, 5)).needed
    power = sum(
        stats.binom.pmf(a, n, 0.8) * stats.binom.pmf(b, n, 0.4)
        for a, b in itertools.product(range(n + 1), repeat=2)
        if rules.share_difference((a, n), (b, n)).verdict == "holds"
    )
    assert power == pytest.approx(0.8, abs=0.06)
    x = np.arange(5.0)
    n = rules.variance_ratio(2 * x, x, Region(low=1.0)).needed

    def rule(pair):
        return rules.variance_ratio(*pair, Region(low=1.0))

    assert decided_share(rule, lambda g: (g.normal(0, 2, n), g.normal(0, 1, n)), "holds") == pytest.approx(0.8, abs=0.06)


def test_at_the_edge_no_number_of_units_decides():
    assert rules.interval(SYMMETRIC, Region(low=0.0)).needed is None
    assert rules.share(3, 6, Region(low=0.5)).needed is None
    assert rules.share_difference((3, 6), (3, 6)).needed is None


def test_what_is_decided_needs_no_more_units():
    assert rules.interval(np.array(SYMMETRIC) + 9, Region(low=0.0)).needed == 5


def test_holms_adjusted_p_by_hand_and_by_its_definition():
    # 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04 not below the one before it (Holm 1979).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, NAN, 0.6]) == pytest.approx([1.0, 1.0, 1.0])
    assert holm([]) == []
    generator = np.random.default_rng(0)
    for _ in range(20):
        p, level = generator.uniform(0, 0.1, 6), 0.05
        ordered = sorted(p)
        rejected = next((k for k, value in enumerate(ordered) if value > level / (6 - k)), 6)
        assert sum(value <= level for value in holm(p)) == rejected
