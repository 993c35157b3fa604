"""The policy: when does a claim reproduce? One pure function a kind of claim; every one returns a ``Verdict``.

Common rules. Scores, differences, bands and margins are in tasks. Outcomes are seeds × tasks (one list of bool a seed).
- inside the band and significant                     reproduced
- inside, not significant, and the test lacked power  inconclusive   (never a pass)
- inside, not significant, with 99 % power to see it  not reproduced
- outside, whether significant or not                 direction only, to be retried with fresh seeds: outside again is
                                                      not reproduced
- significant with the wrong sign                     not reproduced

Not covered: whether the measurement was right (graders, prompts, leaks), nor whether the base model is alive: one that
solves nothing shows no lift and +0 too, so ``no_lift`` and ``equivalence`` are judged beside its ``baseline``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy import stats

from selfboot.analysis.bands import Band, SeedSpread, difference_band, seed_spread
from selfboot.analysis.paired import (
    Interval,
    Outcomes,
    PairedTest,
    discordance,
    mcnemar_power,
    paired_test,
    score_interval,
    task_matrix,
)
from selfboot.analysis.sweep import noise_limit
from selfboot.analysis.sweep import sweep as summarise_sweep
from selfboot.analysis.synergy import Contrast, FourArms, contrast_power, synergy_contrast
from selfboot.errors import DataError

VerdictStatus = Literal[
    "reproduced", "direction only", "not reproduced", "protocol mismatch", "inconclusive", "not run",
    "as calibrated", "drifted", "unsettled", "measured", "not enough pairs", "broken",
]  # fmt: skip
AT_MINI: Mapping[VerdictStatus, VerdictStatus] = {  # of a model that the paper did not use, by its own calibration
    "reproduced": "as calibrated", "not reproduced": "drifted", "direction only": "unsettled",
    "inconclusive": "unsettled",
}  # fmt: skip
AT_SMALL: Mapping[VerdictStatus, VerdictStatus] = {  # of any other model: a finding, whatever it is
    "reproduced": "measured", "not reproduced": "measured", "direction only": "measured", "inconclusive": "unsettled",
}  # fmt: skip
FAILED: tuple[VerdictStatus, ...] = ("not reproduced", "drifted", "broken")
Detail = float | int | str | bool | None
ALPHA = 0.05
DIFFERENCE_ALPHA = 0.005  # two-sided
ENOUGH_POWER = 0.8  # of a test that may call "no difference" shown
REFUTING_POWER = 0.99  # of a test whose silence refutes: it errs in one of a hundred true claims
SEEDS_Z = 2.58  # normal quantile: what seeds do by chance in one of two hundred runs, either way
LEAST_LEFT = 0.1  # of the base's tasks, after training; the paper's worst documented failure leaves 69 of 299
Seeds = Sequence[Outcomes]


@dataclass(frozen=True)
class Verdict:
    """What the policy says, why in one line, and the numbers it used (plain JSON values)."""

    status: VerdictStatus
    reason: str
    details: Mapping[str, Detail] = field(default_factory=dict, hash=False)
    retry: bool = False  # to be judged again, once, with fresh seeds

    @property
    def failed(self) -> bool:
        """Whether a test must fail."""
        return self.status in FAILED


# ---------------------------------------------------------------- one number, one band


def baseline(measured: float, band: Band, *, alive: bool = True) -> Verdict:
    """A score or a count against its band.

    ``alive``: a band that reaches 0 shows nothing, since a model that solves nothing would pass too.
    """
    return _plain_band(measured, band, _in_band_details(measured, band), alive)


def determinism(identical: Sequence[bool]) -> Verdict:
    """Two runs with one seed on one machine: is each hash of the first that of the second?"""
    if not identical:
        raise DataError("determinism without hashes: compare the same completions, at least one")
    differing = len(identical) - sum(identical)
    details: dict[str, Detail] = {"completions": len(identical), "differing": differing}
    if not differing:
        return Verdict("reproduced", f"{len(identical)} of {len(identical)} completions identical", details)
    return Verdict("not reproduced", f"{differing} of {len(identical)} completions differ", details)


def _in_band_details(measured: float, band: Band) -> dict[str, Detail]:
    return {"measured": measured, "lower": band.lower, "upper": band.upper, "side": band.side(measured)}


def _show(band: Band) -> str:
    return f"the {band.source} band {band.lower:.1f}–{band.upper:.1f}"


def _plain_band(measured: float, band: Band, details: dict[str, Detail], alive: bool = True) -> Verdict:
    side = band.side(measured)
    shown = f"{measured:.1f} {side} {_show(band)}"
    if alive and side == "inside" and band.lower <= 0 < band.upper:
        return Verdict("inconclusive", f"{shown}, which reaches 0: a model that solves nothing would pass", details)
    return Verdict("reproduced" if side == "inside" else "not reproduced", shown, details)


# ---------------------------------------------------------------- paired differences


def seeded_training(
    base: Seeds, trained: Seeds, band: Band, *, claimed_lift: float, wider: float = 1.0, alpha: float = ALPHA
) -> Verdict:
    """A trained score against its band, and its paired lift over its own baseline (one-sided exact test).

    ``band`` must be made for as many fresh seeds as ``trained`` holds; ``claimed_lift`` (tasks, its sign is the claim)
    is what power is judged at; ``wider``: by how much seeds spread more than trainings on given pairs do.
    """
    test = paired_test(base, trained)
    score = float(task_matrix(trained).sum() / len(trained))
    details = _in_band_details(score, band) | _lift_details(base, trained, test, claimed_lift, alpha, wider)
    return _banded_direction(score, band, test, details, alpha, claimed_lift)


def difference(
    base: Seeds,
    after: Seeds,
    *,
    published: float,
    band: Band | None = None,
    wider: float = 1.0,
    alpha: float = DIFFERENCE_ALPHA,
) -> Verdict:
    """A paired difference against the published one; significant at ``alpha``, two-sided, with the published sign.

    Without ``band`` the published band is computed from the measured discordance (mean over seeds) and from the spread
    of seeds. The details show the p-value of the published side, to be compared with half of ``alpha``.
    """
    alpha = alpha / 2
    test, n = paired_test(base, after), len(base[0])
    counts = _mean_discordance(base, after)
    band = band or difference_band(published, round(sum(counts)), n, _spread(after, wider), len(after))
    details = _in_band_details(test.difference, band) | _lift_details(base, after, test, published, alpha, wider)
    return _banded_direction(test.difference, band, test, details, alpha, published)


def _mean_discordance(base: Seeds, after: Seeds) -> tuple[float, float]:
    """Gains and losses, averaged over all pairs of seeds."""
    pairs = [discordance(a, b) for a in base for b in after]
    return float(np.mean([p.gains for p in pairs])), float(np.mean([p.losses for p in pairs]))


def lift_power(base: Seeds, after: Seeds, claimed: float, alpha: float) -> float:
    """Power of the one-sided exact test for ``claimed`` tasks over the measured even noise, for a single seed."""
    n = len(base[0])
    gains, losses = _mean_discordance(base, after)
    lift = min(abs(claimed), float(n))
    noise = min(2 * min(gains, losses), n - lift)
    return mcnemar_power(n, noise / 2 + lift, noise / 2, alpha)


def _spread(after: Seeds, wider: float) -> SeedSpread:
    """How trained scores spread over seeds; ``wider``: times what trainings on given pairs do."""
    found = seed_spread([[float(sum(seed)) for seed in after]], len(after[0]))
    return SeedSpread(found.sd * wider, found.df)


def _lift_details(
    base: Seeds, after: Seeds, test: PairedTest, claimed: float, alpha: float, wider: float
) -> dict[str, Detail]:
    """The paired test's numbers. A wrong sign counts where seeds alone do not explain it, and power is that for what
    the claimed difference may shrink to by the chance of seeds (``SEEDS_Z``)."""
    if claimed == 0:
        raise DataError("a claimed difference of 0 tasks has no direction; use the equivalence policy")
    gains, losses = _mean_discordance(base, after)
    chance = SEEDS_Z * _spread(after, wider).sd / len(after) ** 0.5
    right, wrong = (test.up, test.down) if claimed > 0 else (test.down, test.up)
    lost = wrong <= alpha and abs(test.difference) > chance
    shrunk = max(abs(claimed) - chance, 0.0)
    return {
        "n": len(base[0]),
        "seeds": len(after),
        "base": float(task_matrix(base).sum() / len(base)),
        "difference": test.difference,
        "claimed": claimed,
        "gains": gains,
        "losses": losses,
        "p": right,
        "alpha": alpha,
        "power": lift_power(base, after, shrunk, alpha) if shrunk else 0.0,
        "direction": "agrees" if right <= alpha else "disagrees" if lost else "not shown",
    }


def _banded_direction(
    measured: float, band: Band, test: PairedTest, details: dict[str, Detail], alpha: float, claimed: float
) -> Verdict:
    side, direction, power, p = band.side(measured), details["direction"], float(details["power"] or 0), details["p"]
    sign = "lift" if claimed > 0 else "fall"
    where = f"{measured:.1f} {side} {_show(band)}"
    if direction == "disagrees":
        return Verdict(
            "not reproduced", f"significant in the wrong direction ({test.difference:+.1f}); {where}", details
        )
    p_text = "significant" if direction == "agrees" else "not significant"
    said = f"{where}; {sign} of {test.difference:+.1f} {p_text} (p={p:.2g}, alpha={alpha:g})"
    if side != "inside":
        return Verdict("direction only", said, details, retry=True)
    if direction == "agrees":
        return Verdict("reproduced", said, details)
    if power < REFUTING_POWER:
        return Verdict("inconclusive", f"{said}; power at the claimed {claimed:+.1f} only {power:.0%}", details)
    return Verdict("not reproduced", said, details)


def after_retry(first: Verdict, second: Verdict) -> Verdict:
    """The verdict after fresh seeds: outside twice is not reproduced, once is chance."""
    if not first.retry:
        return first
    details = {**second.details, "first_measured": first.details.get("measured")}
    if second.retry or second.failed:
        status: VerdictStatus = "drifted" if second.status in AT_MINI.values() else "not reproduced"
        return Verdict(status, f"outside twice: first {first.reason}; fresh seeds {second.reason}", details)
    return Verdict(second.status, f"retry with fresh seeds: {second.reason} (first: {first.reason})", details)


# ---------------------------------------------------------------- no difference


def equivalence(base: Seeds, after: Seeds, *, margin: float, wider: float = 1.0, alpha: float = ALPHA) -> Verdict:
    """A difference of +0: both ends of its 90 % interval within ±``margin`` tasks (two one-sided tests).

    The interval is mean ± t·s/√m with the shrunken seed spread, as the tasks are fixed; for one seed joined with
    Tango's score interval over the tasks.
    """
    _check_margin(margin)
    n, m = len(base[0]), len(after)
    interval = equivalence_interval(base, after, alpha, wider)
    gains, losses = _mean_discordance(base, after)
    power = _normal_equivalence_power((interval.upper - interval.lower) / 2, margin)
    details: dict[str, Detail] = {
        "n": n, "seeds": m, "difference": interval.estimate, "lower": interval.lower, "upper": interval.upper,
        "margin": margin, "alpha": alpha, "gains": gains, "losses": losses, "power": power,
    }  # fmt: skip
    shown = f"{interval.estimate:+.1f} ({interval.lower:+.1f} to {interval.upper:+.1f}), margin ±{margin:g}"
    if -margin < interval.lower and interval.upper < margin:
        return Verdict("reproduced", shown, details)
    if interval.lower >= margin or interval.upper <= -margin:
        return Verdict("not reproduced", f"{shown}: wholly outside", details)
    return Verdict("inconclusive", f"{shown}: a bound outside; power under equality {power:.0%}", details)


def equivalence_interval(base: Seeds, after: Seeds, alpha: float = ALPHA, wider: float = 1.0) -> Interval:
    """The 1 − 2·alpha interval of the difference in tasks that ``equivalence`` uses."""
    before, later, spread = task_matrix(base).sum(1), task_matrix(after).sum(1), _spread(after, wider)
    mean = float(later.mean() - before.mean())
    half = float(stats.t.ppf(1 - alpha, spread.df)) * spread.sd / len(after) ** 0.5
    if len(base) > 1 or len(after) > 1:
        return Interval(mean, mean - half, mean + half)
    tasks = score_interval(discordance(base[0], after[0]), 1 - 2 * alpha)
    return Interval(mean, min(tasks.lower, mean - half), max(tasks.upper, mean + half))


def _normal_equivalence_power(half: float, margin: float, alpha: float = ALPHA) -> float:
    z = float(stats.norm.ppf(1 - alpha))
    if half <= 0:
        return 1.0
    return max(0.0, 2 * float(stats.norm.cdf(z * (margin - half) / half)) - 1)


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise DataError(f"margin of {margin} tasks: state a positive margin in the registry")


def no_lift(base: Seeds, after: Seeds, *, margin: float, wider: float = 1.0, flips: float = 0.0) -> Verdict:
    """No clean lift, and no fall either: within ±``margin`` as ``equivalence`` has it. A rise refutes it too, where
    neither the tasks nor the seeds nor the ``flips`` of the base score between batch sizes explain it."""
    judged, test = equivalence(base, after, margin=margin, wider=wider), paired_test(base, after)
    details = {**judged.details, "up": test.up}
    chance = SEEDS_Z * (_spread(after, wider).sd ** 2 / len(after) + flips) ** 0.5
    if test.up <= DIFFERENCE_ALPHA and test.difference > chance:
        return Verdict("not reproduced", f"significantly up by {test.difference:.1f} (p={test.up:.2g})", details)
    return replace(judged, details=details)


def alive(base: Seeds, after: Seeds) -> Verdict:
    """Training has not destroyed the model: every seed solves at least ``LEAST_LEFT`` of what the base solves."""
    before, worst_seed = float(task_matrix(base).sum() / len(base)), min(sum(seed) for seed in after)
    least = LEAST_LEFT * before
    details: dict[str, Detail] = {"measured": worst_seed, "base": before, "least": least}
    shown = f"the lowest seed solves {worst_seed}, the base {before:g}, at least {least:.1f} are asked for"
    return Verdict("reproduced" if worst_seed >= least else "not reproduced", shown, details)


# ---------------------------------------------------------------- several settings


def sweep(points: Mapping[int, Sequence[float]], *, spread: SeedSpread, rise: float) -> Verdict:
    """Scores by number of pairs: end-point rise of at least ``rise`` tasks, no adjacent fall beyond 1.645·s·√(2/m)."""
    result = summarise_sweep(points, spread.sd)
    details: dict[str, Detail] = {"rise": result.rise, "needed": rise, "noise": result.rise_noise, "sd": spread.sd}
    details |= {f"mean[{size}]": mean for size, mean in result.means.items()}
    shown = f"rise {result.rise:+.1f} (needed {rise:g})"
    if result.reversals:
        worst = max(result.reversals, key=lambda step: step.fall - step.limit)
        at = f"{worst.from_size}→{worst.to_size}: −{worst.fall:.1f} (limit {worst.limit:.1f})"
        return Verdict("not reproduced", f"reversal {at}; {shown}", details)
    if result.rise_noise > rise:
        return Verdict(
            "inconclusive", f"{shown}; noise alone reaches {result.rise_noise:.1f}: more seeds are needed", details
        )
    if result.rise >= rise:
        return Verdict("reproduced", f"{shown}, no reversal beyond noise", details)
    if result.rise > result.rise_noise:
        return Verdict("direction only", f"{shown}: it rises, by less", details)
    return Verdict("not reproduced", shown, details)


def synergy(arms: FourArms, *, spread: SeedSpread, contrast: Contrast, published: float) -> Verdict:
    """Recipe × test-time sampling; ``published`` in tasks, its sign is the claim.

    Positive: the lower one-sided 95 % bound above 0. Negative: fails only when significantly above 0, reproduced only
    when significantly below.
    """
    if published == 0:
        raise DataError("synergy claim of 0 tasks has no sign; use the equivalence policy")
    estimate = synergy_contrast(arms, spread, contrast)
    other: Contrast = "interaction" if contrast == "tts" else "tts"
    power = contrast_power(published, spread, contrast, estimate.seeds)
    details: dict[str, Detail] = {
        "contrast": contrast, "measured": estimate.value, "lower": estimate.lower, "upper": estimate.upper,
        "published": published, other: synergy_contrast(arms, spread, other).value, "seeds": estimate.seeds,
        "se": estimate.se, "task_se": estimate.task_se, "power": power,
    }  # fmt: skip
    shown = (
        f"{contrast} {estimate.value:+.1f} (one-sided 95 %: above {estimate.lower:+.1f}, below {estimate.upper:+.1f})"
    )
    right, wrong = estimate.lower > 0, estimate.upper < 0
    if published < 0:
        right, wrong = wrong, right
    if right:
        return Verdict("reproduced", shown, details)
    if wrong:
        return Verdict("not reproduced", f"{shown}: significant in the wrong direction", details)
    if published < 0 or power < REFUTING_POWER:
        return Verdict(
            "inconclusive", f"{shown}; {estimate.seeds} seeds have {power:.0%} power at {published:+.1f}", details
        )
    return Verdict(
        "not reproduced", f"{shown} although {published:+.1f} would have been seen ({power:.0%} power)", details
    )


def plateau(
    base: Seeds, rounds: Sequence[Seeds], *, spread: SeedSpread, share: float = 0.5, alpha: float = ALPHA
) -> Verdict:
    """Round 1 brings most of the lift: it is significant, and the rise from round 1 to the last stays below ``share``
    of it (upper one-sided 95 % bound from the seed spread). A later rise whose lower bound exceeds that refutes it.
    """
    if len(rounds) < 2:
        raise DataError(f"plateau over {len(rounds)} round(s): at least two are needed")
    first = paired_test(base, rounds[0])
    means = [float(task_matrix(r).sum() / len(r)) for r in rounds]
    later, limit = means[-1] - means[0], share * first.difference
    reach = noise_limit(spread.sd, len(rounds[0]), len(rounds[-1]))
    details: dict[str, Detail] = {
        "first_lift": first.difference,
        "p": first.up,
        "later": later,
        "limit": limit,
        "noise": reach,
    }
    details |= {f"round[{i}]": mean for i, mean in enumerate(means, 1)}
    shown = f"round 1 {first.difference:+.1f} (p={first.up:.2g}), later {later:+.1f} ± {reach:.1f}, limit {limit:.1f}"
    if first.up > alpha or later - reach > limit:
        return Verdict("not reproduced", shown, details)
    if later + reach <= limit:
        return Verdict("reproduced", shown, details)
    return Verdict("inconclusive", f"{shown}: the noise reaches across the limit", details)


# ---------------------------------------------------------------- counts of pairs


def floor(mined: int, attempts: int, *, limit: float, alpha: float = ALPHA) -> Verdict:
    """Too few fixed attempts to mine from: the one-sided 95 % Clopper–Pearson bound of the rate is below ``limit``."""
    low, high = _rate_bounds("floor", mined, attempts, limit, alpha)
    details: dict[str, Detail] = {"mined": mined, "attempts": attempts, "upper": high, "limit": limit}
    shown = f"{mined} of {attempts} (at most {high:.1%}, limit {limit:.1%})"
    if high < limit:
        return Verdict("reproduced", shown, details)
    if low > limit:
        return Verdict("not reproduced", f"{shown}: enough to mine from", details)
    return Verdict("inconclusive", f"{shown}: too few attempts to tell", details)


def above_floor(mined: int, attempts: int, *, limit: float, alpha: float = ALPHA) -> Verdict:
    """Enough to mine from: the mirror of ``floor``. The rate's one-sided 95 % lower bound is above ``limit``."""
    low, high = _rate_bounds("above_floor", mined, attempts, limit, alpha)
    details: dict[str, Detail] = {"mined": mined, "attempts": attempts, "lower": low, "limit": limit}
    shown = f"{mined} of {attempts} (at least {low:.1%}, limit {limit:.1%})"
    if low > limit:
        return Verdict("reproduced", shown, details)
    if high < limit:
        return Verdict("not reproduced", f"{shown}: too little to mine from", details)
    return Verdict("inconclusive", f"{shown}: too few attempts to tell", details)


def _rate_bounds(policy: str, mined: int, attempts: int, limit: float, alpha: float) -> tuple[float, float]:
    """One-sided Clopper–Pearson bounds, each at level ``alpha``, of the rate of pairs."""
    if not 0 <= mined <= attempts or not attempts or not 0 < limit < 1:
        raise DataError(
            f"{policy}: {mined} of {attempts} attempts, limit rate {limit}; want 0 <= mined <= attempts, 0 < limit < 1"
        )
    bounds = stats.binomtest(mined, attempts).proportion_ci(1 - 2 * alpha, "exact")
    return float(bounds.low), float(bounds.high)


# ---------------------------------------------------------------- several parts of one claim

_WORST_FIRST: tuple[VerdictStatus, ...] = (
    *FAILED, "not run", "protocol mismatch", "not enough pairs", "inconclusive", "unsettled", "direction only",
    "reproduced", "as calibrated", "measured",
)  # fmt: skip


def worst(statuses: Iterable[VerdictStatus]) -> VerdictStatus:
    """The status of a claim with several parts: the worst part's."""
    found = list(statuses)
    if not found:
        raise DataError("a claim without parts has no verdict; judge at least one")
    return min(found, key=_WORST_FIRST.index)
