"""False alarms and power of every kind of claim at its n, by formula and by simulating the policy: they must agree.

    python -m selfboot.analysis.power --draws 4000 --out data/measured/error_rates/power.json

Four chances a scenario. The claim TRUE exactly as published: ``false_alarm`` (not reproduced) and ``reproduced``.
A stated ALTERNATIVE true instead: ``power`` (not reproduced) and ``false_pass`` (reproduced). The rest is inconclusive
or direction only. Formulas are exact sums or normal theory, never calling the verdicts; simulations only call those.

Not covered: how well the assumed spreads and discordances fit a model that nobody has run yet; each row states its own.
"""

from __future__ import annotations

import argparse
import json
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import (
    Band,
    SeedSpread,
    baseline_band,
    calibrated_band,
    oracle_band,
    training_band,
)
from selfboot.analysis.paired import Discordance, mcnemar_power, tost
from selfboot.analysis.sweep import noise_limit
from selfboot.analysis.synergy import Contrast, FourArms, contrast_power
from selfboot.analysis.verdict import Verdict

Rng = np.random.Generator
N = 164


@dataclass(frozen=True)
class Rates:
    """Chances of the verdicts that matter (module docstring)."""

    false_alarm: float
    reproduced: float
    power: float
    false_pass: float


@dataclass(frozen=True)
class Scenario:
    """A kind of claim at its size: ``formula`` in closed form, ``true`` and ``false`` draw one verdict each."""

    kind: policy.Kind
    text: str
    alternative: str
    n: int
    formula: Callable[[], Rates]
    true: Callable[[Rng], Verdict]
    false: Callable[[Rng], Verdict]


def simulate(scenario: Scenario, draws: int, seed: int = 0) -> Rates:
    """Frequencies of the verdicts over ``draws`` simulated runs under the claim and as many under the alternative."""
    rng = np.random.default_rng(seed)
    true = [scenario.true(rng).status for _ in range(draws)]
    false = [scenario.false(rng).status for _ in range(draws)]
    kinds: tuple[policy.VerdictStatus, ...] = ("not reproduced", "reproduced")
    return Rates(*(statuses.count(kind) / draws for statuses in (true, false) for kind in kinds))


# ---------------------------------------------------------------- outcomes with given counts


def solved(rng: Rng, n: int, count: float) -> list[bool]:
    """``count`` solved tasks of ``n``, in random places."""
    hit = np.zeros(n, dtype=bool)
    hit[rng.permutation(n)[: min(max(round(count), 0), n)]] = True
    return [bool(x) for x in hit]


def discordant_arms(rng: Rng, n: int, gains: float, losses: float) -> tuple[list[bool], list[bool]]:
    """Two arms on ``n`` tasks with multinomial discordant counts of these expectations; both solve half of the rest."""
    g, lost, rest = (int(x) for x in rng.multinomial(n, [gains / n, losses / n, 1 - (gains + losses) / n]))
    both = rest // 2
    before = [False] * g + [True] * lost + [True] * both + [False] * (rest - both)
    after = [True] * g + [False] * lost + [True] * both + [False] * (rest - both)
    return before, after


def discordant_cells(n: int, gains: float, losses: float) -> Iterator[tuple[int, int, float]]:
    """All (gains, losses, chance) of the multinomial above, but those rarer than 1e-9 in all."""
    reach = 7
    tops = [math.ceil(x + reach * math.sqrt(x) + 3) for x in (gains, losses)]
    g, lost = np.meshgrid(np.arange(tops[0] + 1), np.arange(tops[1] + 1), indexing="ij")
    rest = n - g - lost
    keep = rest >= 0
    counts = np.stack([g[keep], lost[keep], rest[keep]], axis=-1)
    chances = stats.multinomial.pmf(counts, n, [gains / n, losses / n, 1 - (gains + losses) / n])
    yield from ((int(c[0]), int(c[1]), float(p)) for c, p in zip(counts, chances, strict=True) if p > 1e-12)


# ---------------------------------------------------------------- one number, one band


def baseline_scenario(published: int = 25, flips: float = 6, shift: int = -12) -> Scenario:
    """A greedy score whose flips are as often up as down; the alternative is ``shift`` tasks away."""
    band = baseline_band(published, flips, N)
    low, high = band.whole

    def inside(offset: int) -> float:
        walk = stats.skellam(flips / 2, flips / 2)
        return float(walk.cdf(high - published - offset) - walk.cdf(low - published - offset - 1))

    def draw(rng: Rng, offset: int) -> Verdict:
        total = rng.binomial(N, flips / N)
        return policy.baseline(published + offset + 2 * int(rng.binomial(total, 0.5)) - total, band)

    return Scenario(
        "baseline", f"greedy {published}/{N}, D={flips:g} flips", f"{shift:+d} tasks", N,
        lambda: Rates(1 - inside(0), inside(0), 1 - inside(shift), inside(shift)),
        lambda rng: draw(rng, 0), lambda rng: draw(rng, shift),
    )  # fmt: skip


def oracle_scenario(k: int = 8, draws: int = 32, a: float = 0.45, b: float = 0.35, weaker: float = 0.45) -> Scenario:
    """Best-of-k published once, unbiased pass@k measured; solve rates: quantiles of Beta(a, b); alternative: scaled."""
    rates = stats.beta.ppf((np.arange(N) + 0.5) / N, a, b)
    missed = np.array([math.comb(draws - c, k) / math.comb(draws, k) for c in range(draws + 1)])

    def moments(p: NDArray[np.float64]) -> tuple[float, float, float]:
        chances = stats.binom.pmf(np.arange(draws + 1)[None, :], draws, p[:, None])
        q = (chances * (1 - missed)).sum(1)
        measured = float(((chances * (1 - missed) ** 2).sum(1) - q**2).sum())
        return float(q.sum()), measured, float((q * (1 - q)).sum())

    def inside(p: NDArray[np.float64]) -> float:
        mean, variance, _ = moments(p)
        centre, _, published_variance = moments(rates)
        drawn, own, total = (
            stats.norm(centre, math.sqrt(published_variance)),
            stats.norm(mean, math.sqrt(variance)),
            0.0,
        )
        for published in range(N + 1):
            band = oracle_band(published, N)
            weight = float(drawn.cdf(published + 0.5) - drawn.cdf(published - 0.5))
            total += weight * float(own.cdf(band.upper) - own.cdf(band.lower))
        return total

    def draw(rng: Rng, p: NDArray[np.float64]) -> Verdict:
        published = int((rng.random(N) < 1 - (1 - rates) ** k).sum())
        measured = float((1 - missed[rng.binomial(draws, p)]).sum())
        return policy.baseline(measured, oracle_band(published, N))

    return Scenario(
        "oracle", f"best-of-{k} of {N}, measured from {draws} draws", f"solve rates × {weaker}", N,
        lambda: Rates(1 - inside(rates), inside(rates), 1 - inside(rates * weaker), inside(rates * weaker)),
        lambda rng: draw(rng, rates), lambda rng: draw(rng, rates * weaker),
    )  # fmt: skip


def determinism_scenario(completions: int = 164, share: float = 0.02) -> Scenario:
    """Equal hashes; in the alternative each completion differs with chance ``share``."""

    def draw(rng: Rng) -> Verdict:
        differs = rng.random(completions) < share
        return policy.determinism([not d for d in differs])

    unseen = (1 - share) ** completions
    return Scenario(
        "determinism", f"{completions} completions", f"{share:.0%} of them differ", completions,
        lambda: Rates(0.0, 1.0, 1 - unseen, unseen), lambda _: policy.determinism([True] * completions), draw,
    )  # fmt: skip


# ---------------------------------------------------------------- trained scores


def outside_twice(
    offset: float, sd: float, seeds: int, spreads: NDArray[np.float64], scale: float, own: float
) -> float:
    """Chance that two fresh means (sd ``own``, ``offset`` off) both miss centre ± scale·spread.

    ``spreads``: equally likely values of the estimated sd; the centre is a mean of ``seeds`` seeds of spread ``sd``.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    error, half = nodes[:, None] * sd / math.sqrt(seeds), scale * spreads[None, :]
    out = stats.norm.cdf((error - half - offset) / own) + stats.norm.sf((error + half - offset) / own)
    return float((weights[:, None] / weights.sum() * out**2).sum() / len(spreads))


def calibrated_misses(values: Sequence[float], shift: float, fresh: int = 1, level: float = 0.99) -> float:
    """Chance that the mean of ``fresh`` seeds misses its calibrated band (bands.calibrated_band) twice, when it is
    ``shift`` off what the calibration's ``values`` saw: the false alarm at 0, else the power against that shift."""
    k, sd = len(values), float(np.std(values, ddof=1))
    if sd == 0:
        return float(shift != 0)
    levels = (np.arange(400) + 0.5) / 400
    spreads = sd * np.sqrt(stats.chi2.ppf(levels, k - 1) / (k - 1))
    scale = float(stats.t.ppf(0.5 + level / 2, k - 1)) * math.sqrt(1 / k + 1 / fresh)
    return outside_twice(shift, sd, k, spreads, scale, sd / math.sqrt(fresh))


def _trained(rng: Rng, scores: NDArray[np.float64]) -> list[list[bool]]:
    return [solved(rng, N, x) for x in scores]


def training_scenario(fresh: int, mean: float = 103.7, sd: float = 7.0, base: int = 25, shift: float = -30) -> Scenario:
    """Three published seeds, ``fresh`` of ours, a retry with as many; alternative: a mean ``shift`` tasks off."""
    levels = (np.arange(400) + 0.5) / 400
    spreads = np.sqrt((4 * mean * (1 - mean / N) + sd**2 * stats.chi2.ppf(levels, 2)) / 6)
    scale, own = float(stats.t.ppf(0.975, 6)) * math.sqrt(1 / 3 + 1 / fresh), sd / math.sqrt(fresh)

    def draw(rng: Rng, offset: float) -> Verdict:
        scores = np.clip(np.round(rng.normal(mean, sd, 3)), 0, N)
        band = training_band([float(x) for x in scores], N, fresh)
        return _with_retry(rng, band, base, float(scores.mean()), lambda: rng.normal(mean + offset, sd, fresh))

    def rates() -> Rates:
        alarm, power = (outside_twice(x, sd, 3, spreads, scale, own) for x in (0, shift))
        return Rates(alarm, 1 - alarm, power, 1 - power)

    return Scenario(
        "seeded_training", f"3 published seeds near {mean:g}/{N}, s={sd:g}, {fresh} fresh, retry",
        f"mean {shift:+g} tasks", N, rates, lambda rng: draw(rng, 0), lambda rng: draw(rng, shift),
    )  # fmt: skip


def calibrated_scenario(
    seeds: int = 20, mean: float = 105, sd: float = 5.0, base: int = 52, shift: float = -30
) -> Scenario:
    """A mini case: one seed against the 99 % interval of ``seeds`` calibration seeds; retry: a fresh seed."""
    levels, df = (np.arange(400) + 0.5) / 400, seeds - 1
    spreads, scale = (
        sd * np.sqrt(stats.chi2.ppf(levels, df) / df),
        float(stats.t.ppf(0.995, df)) * math.sqrt(1 / seeds + 1),
    )

    def draw(rng: Rng, offset: float) -> Verdict:
        band = calibrated_band([float(x) for x in np.round(rng.normal(mean, sd, seeds))], limits=(0, N))
        return _with_retry(rng, band, base, mean, lambda: rng.normal(mean + offset, sd, 1))

    def rates() -> Rates:
        alarm, power = (outside_twice(x, sd, seeds, spreads, scale, sd) for x in (0, shift))
        return Rates(alarm, 1 - alarm, power, 1 - power)

    return Scenario(
        "seeded_training", f"mini: {seeds} calibration seeds near {mean:g}/{N}, s={sd:g}, 99 % band, retry",
        f"mean {shift:+g} tasks", N, rates, lambda rng: draw(rng, 0), lambda rng: draw(rng, shift),
    )  # fmt: skip


def _with_retry(rng: Rng, band: Band, base: int, claimed: float, scores: Callable[[], NDArray[np.float64]]) -> Verdict:
    baseline, first, lift = [solved(rng, N, base)], _trained(rng, scores()), claimed - base
    judged = policy.seeded_training(baseline, first, band, claimed_lift=lift)
    if not judged.retry:
        return judged
    return policy.seeded_training(baseline, first, band, claimed_lift=lift, second=_trained(rng, scores()))


# ---------------------------------------------------------------- paired differences


def difference_scenario(published: int = -40, gains: float = 30, losses: float = 70, n: int = 500) -> Scenario:
    """A published and a measured difference, both noisy with the same discordance; alternative: none, even noise."""
    alpha, even = policy.DIFFERENCE_ALPHA / 2, (gains + losses) / 2

    def chances(g_mean: float, l_mean: float) -> tuple[float, float]:
        cells = np.array([cell for cell in discordant_cells(n, g_mean, l_mean) if cell[2] > 1e-8])
        g, lost, chance = cells[:, 0], cells[:, 1], cells[:, 2]
        down, up = stats.binom.cdf(g, g + lost, 0.5), stats.binom.sf(g - 1, g + lost, 0.5)
        failed = passed = 0.0
        for claim, weight in _difference_pmf(n, gains, losses):
            spread = np.maximum(g + lost, abs(claim)) - claim**2 / n
            inside = np.abs(g - lost - claim) <= 1.96 * np.sqrt(2 * spread)
            clear = np.minimum(g, lost) <= _largest_clear_noise(n, abs(claim), alpha)
            passed += weight * float(chance[inside & (down <= alpha)].sum())
            failed += weight * float(chance[~inside | (up <= alpha) | ((down > alpha) & clear)].sum())
        return failed, passed

    def draw(rng: Rng, g_mean: float, l_mean: float) -> Verdict:
        before, after = discordant_arms(rng, n, gains, losses)
        claim = sum(after) - sum(before)
        base, later = discordant_arms(rng, n, g_mean, l_mean)
        return policy.difference([base], [later], published=claim)

    return Scenario(
        "difference", f"{published:+d}/{n}, expected {gains:g} gains and {losses:g} losses", "no difference", n,
        lambda: Rates(*chances(gains, losses), *chances(even, even)),
        lambda rng: draw(rng, gains, losses), lambda rng: draw(rng, even, even),
    )  # fmt: skip


def _difference_pmf(n: int, gains: float, losses: float) -> list[tuple[int, float]]:
    total: dict[int, float] = {}
    for g, lost, chance in discordant_cells(n, gains, losses):
        total[g - lost] = total.get(g - lost, 0.0) + chance
    return [(difference, chance) for difference, chance in total.items() if chance > 1e-7]


def _largest_clear_noise(n: int, lift: int, alpha: float) -> int:
    """The most losses (and as many even gains) over which ``lift`` is still seen with enough power; −1 if none."""
    fitting = range(max((n - lift) // 2, 0))
    blind = bisect_left(fitting, True, key=lambda m: mcnemar_power(n, m + lift, m, alpha) < policy.ENOUGH_POWER)
    return blind - 1


def equivalence_scenario(noise: float = 10, margin: float = 12) -> Scenario:
    """A control without effect, one seed; the alternative lies exactly at the margin (a pass errs, in at most 5 %)."""

    def passed(gains: float, losses: float) -> float:
        cells = discordant_cells(N, gains, losses)
        return sum(p for g, lost, p in cells if p > 1e-9 and tost(Discordance(g, lost, N), margin)[0])

    def failed(gains: float, losses: float) -> float:
        total = 0.0
        for g, lost, p in discordant_cells(N, gains, losses):
            if p < 1e-9:
                continue
            equivalent, interval = tost(Discordance(g, lost, N), margin)
            different = interval.lower > 0 or interval.upper < 0
            if not equivalent and (different or passed_at_equality(2 * min(g, lost)) >= policy.ENOUGH_POWER):
                total += p
        return total

    memo: dict[int, float] = {}

    def passed_at_equality(even: int) -> float:
        if even not in memo:
            memo[even] = passed(even / 2, even / 2)
        return memo[even]

    def draw(rng: Rng, gains: float, losses: float) -> Verdict:
        before, after = discordant_arms(rng, N, gains, losses)
        return policy.equivalence([before], [after], margin=margin)

    half = noise / 2
    return Scenario(
        "equivalence", f"+0 of {N}, D={noise:g}, margin ±{margin:g}", f"+{margin:g} tasks (the margin itself)", N,
        lambda: Rates(failed(half, half), passed(half, half), failed(half + margin, half), passed(half + margin, half)),
        lambda rng: draw(rng, half, half), lambda rng: draw(rng, half + margin, half),
    )  # fmt: skip


def no_lift_scenario(arms: int = 3, noise: float = 16, margin: float = 20) -> Scenario:
    """``arms`` trained models without lift; in the alternative one of them rises by the margin."""
    alpha = policy.ALPHA / arms

    most = _largest_clear_noise(N, round(margin), alpha)

    def quiet(lift: float) -> tuple[float, float]:  # an arm is not up; and its noise leaves the margin detectable
        cells = [(stats.binom.sf(g - 1, g + lost, 0.5), min(g, lost), p)
                 for g, lost, p in discordant_cells(N, noise / 2 + lift, noise / 2)]  # fmt: skip
        still = [(low, p) for tail, low, p in cells if tail > alpha]
        return sum(p for _, p in still), sum(p for low, p in still if low <= most)

    def rates() -> Rates:
        (still, passed), (still_up, passed_up) = quiet(0), quiet(margin)
        others, others_passed = still ** (arms - 1), passed ** (arms - 1)
        return Rates(1 - others * still, others_passed * passed, 1 - others * still_up, others_passed * passed_up)

    def draw(rng: Rng, lift: float) -> Verdict:
        pairs = [discordant_arms(rng, N, noise / 2 + x, noise / 2) for x in (lift, *[0.0] * (arms - 1))]
        return policy.no_lift({str(i): ([a], [b]) for i, (a, b) in enumerate(pairs)}, margin=margin)

    return Scenario(
        "no_lift", f"{arms} arms of {N}, D={noise:g}, margin {margin:g}", f"one arm {margin:+g} tasks", N,
        rates, lambda rng: draw(rng, 0.0), lambda rng: draw(rng, margin),
    )  # fmt: skip


# ---------------------------------------------------------------- several settings


def sweep_scenario(
    means: tuple[float, ...] = (51, 91, 105), sd: float = 7.0, seeds: int = 3, rise: float = 27
) -> Scenario:
    """The paper's pair-count sweep; in the alternative more pairs change nothing."""
    sizes, flat = (10, 21, 40), (80.0,) * 3
    own, limit = sd / math.sqrt(seeds), noise_limit(sd, seeds, seeds)
    steps = np.array([[-1, 1, 0], [0, -1, 1], [-1, 0, 1]]) * own

    def above(levels: tuple[float, ...], needed: float) -> float:  # no reversal and a rise of at least ``needed``
        centre = np.array([levels[1] - levels[0], levels[2] - levels[1], levels[2] - levels[0]])
        spread = stats.multivariate_normal(-centre, steps @ steps.T, allow_singular=True, seed=1)
        return float(spread.cdf(np.array([limit, limit, -needed])))

    def draw(rng: Rng, levels: tuple[float, ...]) -> Verdict:
        points = {z: [float(x) for x in rng.normal(mean, sd, seeds)] for z, mean in zip(sizes, levels, strict=True)}
        return policy.sweep(points, spread=SeedSpread(sd, 30), rise=rise)

    return Scenario(
        "sweep", f"means {means}, s={sd:g}, {seeds} seeds a size, rise {rise:g}", "flat", N,
        lambda: Rates(1 - above(means, limit), above(means, rise), 1 - above(flat, limit), above(flat, rise)),
        lambda rng: draw(rng, means), lambda rng: draw(rng, flat),
    )  # fmt: skip


def synergy_scenario(contrast: Contrast, effect: float, seeds: int, sd: float = 7.0, df: int = 6) -> Scenario:
    """Four arms with seed noise; the alternative has the opposite sign and the same size."""
    arms_in = 2 if contrast == "tts" else 4

    def beyond(shift: float) -> float:  # chance that the upper-side bound is passed when the contrast is ``shift``
        limit = stats.t.ppf(0.95, df)
        return float(stats.nct.sf(limit, df, shift / (sd * math.sqrt(arms_in / seeds)))) if shift else 0.05

    def draw(rng: Rng, shift: float) -> Verdict:
        levels = {"raw": 60.0, "raw_tts": 90.0, "recipe": 70.0, "recipe_tts": 90.0 + shift}
        if contrast == "interaction":
            levels["recipe_tts"] += 10.0
        scores = {name: rng.normal(level, sd, seeds) for name, level in levels.items()}
        arms = FourArms(**{name: [[float(x) / N] * N for x in values] for name, values in scores.items()})
        spread = SeedSpread(sd * math.sqrt(rng.chisquare(df) / df), df)
        return policy.synergy(arms, spread=spread, contrast=contrast, published=effect)

    def failed(shift: float) -> float:
        size = abs(effect)
        if effect < 0:
            return beyond(shift)
        wrong = beyond(-shift)
        unseen = _chance_spread_sees(size, sd, df, contrast, seeds, shift)
        return wrong + unseen

    reproduced = beyond(abs(effect))
    return Scenario(
        "synergy", f"{contrast} {effect:+g} tasks, s={sd:g} ({df} df), {seeds} seeds an arm", f"{-effect:+g} tasks", N,
        lambda: Rates(failed(effect), reproduced, failed(-effect), beyond(-abs(effect))),
        lambda rng: draw(rng, effect), lambda rng: draw(rng, -effect),
    )  # fmt: skip


def _chance_spread_sees(effect: float, sd: float, df: int, contrast: Contrast, seeds: int, shift: float) -> float:
    """Chance of a bound on neither side of 0 although the estimated spread promises 80 % power."""
    arms_in = 2 if contrast == "tts" else 4
    limit, own, total, steps = stats.t.ppf(0.95, df), sd * math.sqrt(arms_in / seeds), 0.0, 2000
    for level in (np.arange(steps) + 0.5) / steps:
        estimated = sd * math.sqrt(stats.chi2.ppf(level, df) / df)
        if contrast_power(effect, SeedSpread(estimated, df), contrast, seeds) >= policy.ENOUGH_POWER:
            reach = limit * estimated * math.sqrt(arms_in / seeds)
            total += float(stats.norm.cdf(reach, shift, own) - stats.norm.cdf(-reach, shift, own)) / steps
    return total


def plateau_scenario(lift: float = 80, seeds: int = 3, sd: float = 7.0, base: int = 25, later: float = 50) -> Scenario:
    """Round 1 lifts by ``lift``, later ones by nothing; alternative: by half of it, and later by ``later`` more."""
    noise, step = noise_limit(sd, seeds, seeds), sd / math.sqrt(seeds)
    half = lift / 2

    def beyond(first: float, more: float, side: int) -> float:  # P(later ± noise on that side of half the first lift)
        # later − first/2 is normal: (r3 − r1) − (r1 − base)/2 = r3 − 1.5·r1 + base/2
        centre, spread = more - first / 2, step * math.sqrt(1 + 1.5**2)
        return float(stats.norm.cdf(-noise, centre, spread) if side < 0 else stats.norm.sf(noise, centre, spread))

    def draw(rng: Rng, first: float, more: float) -> Verdict:
        def arm(mean: float) -> list[list[bool]]:
            return [solved(rng, N, x) for x in rng.normal(mean, sd, seeds)]

        rounds = [arm(base + first), arm(base + first + more), arm(base + first + more)]
        return policy.plateau([solved(rng, N, base)], rounds, spread=SeedSpread(sd, 30))

    return Scenario(
        "plateau", f"round 1 {lift:+g}, then 0; s={sd:g}, {seeds} seeds", f"{half:+g}, then {later:+g} more", N,
        lambda: Rates(beyond(lift, 0, 1), beyond(lift, 0, -1), beyond(half, later, 1), beyond(half, later, -1)),
        lambda rng: draw(rng, lift, 0), lambda rng: draw(rng, half, later),
    )  # fmt: skip


# ---------------------------------------------------------------- counts of pairs


def floor_scenario(attempts: int = 128, rate: float = 0.005, limit: float = 0.05, healthy: float = 0.4) -> Scenario:
    """A model that hardly ever mines a pair; the alternative mines like the mini model's base."""
    reached = [float(stats.beta.ppf(0.95, m + 1, attempts - m)) for m in range(attempts)]
    lows = [0.0, *(float(stats.beta.ppf(0.05, m, attempts - m + 1)) for m in range(1, attempts + 1))]
    most = max(m for m, upper in enumerate(reached) if upper < limit)
    least = min(m for m, low in enumerate(lows) if low > limit)

    def rates() -> Rates:
        return Rates(
            *(float(x) for p in (rate, healthy)
              for x in (stats.binom.sf(least - 1, attempts, p), stats.binom.cdf(most, attempts, p)))
        )  # fmt: skip

    def draw(rng: Rng, p: float) -> Verdict:
        return policy.floor(int(rng.binomial(attempts, p)), attempts, limit=limit)

    return Scenario(
        "floor", f"{attempts} attempts, rate {rate:.1%}, limit {limit:.0%}", f"rate {healthy:.0%}", attempts,
        rates, lambda rng: draw(rng, rate), lambda rng: draw(rng, healthy),
    )  # fmt: skip


def scenarios() -> list[Scenario]:
    """Every kind of claim at the sizes of the paper's claims (and one of the mini scale)."""
    return [
        baseline_scenario(), training_scenario(1), training_scenario(3), calibrated_scenario(), oracle_scenario(),
        difference_scenario(), difference_scenario(-230, 10, 240), equivalence_scenario(), no_lift_scenario(),
        sweep_scenario(), synergy_scenario("tts", 21, 3), synergy_scenario("interaction", 21, 3),
        synergy_scenario("tts", -8, 3), synergy_scenario("interaction", -8, 20), plateau_scenario(),
        floor_scenario(), determinism_scenario(),
    ]  # fmt: skip


def table(draws: int, seed: int = 0) -> list[dict[str, object]]:
    """One JSON row a scenario: assumptions, both sets of rates, and the largest gap between them."""
    rows: list[dict[str, object]] = []
    for scenario in scenarios():
        formula, simulated = asdict(scenario.formula()), asdict(simulate(scenario, draws, seed))
        gap = max(abs(formula[key] - simulated[key]) for key in formula)
        formula = {key: round(chance, 4) for key, chance in formula.items()}
        about = {"kind": scenario.kind, "claim": scenario.text, "alternative": scenario.alternative, "n": scenario.n}
        rows.append({**about, "formula": formula, "simulation": simulated, "largest_gap": round(gap, 4)})
    return rows


def main() -> None:
    """Write the table as JSON and print it."""
    from selfboot.store import write_atomic

    parser = argparse.ArgumentParser(description="False alarms and power of the verdict policy.")
    parser.add_argument("--draws", type=int, default=4000, help="simulated runs a scenario and hypothesis")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()
    rows = table(options.draws)
    for row in rows:
        print(f"{row['kind']!s:16} {row['claim']!s:78} {row['formula']} {row['simulation']}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "command": f"python -m selfboot.analysis.power --draws {options.draws} --out {options.out}",
            "draws": options.draws,
            "versions": {name: version(name) for name in ("numpy", "scipy")},
            "rows": rows,
        }
        write_atomic(options.out, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
