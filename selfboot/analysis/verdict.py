"""The policy: when does a claim reproduce? One pure function a kind of claim; every one returns a ``Verdict``.

Common rules. Scores, differences, bands and margins are in tasks. Outcomes are seeds × tasks (one list of bool a seed).
- inside the band and significant                     reproduced
- inside, not significant, and the test lacked power  inconclusive   (never a pass)
- inside, not significant, with power to see it       not reproduced
- outside, not significant                            not reproduced
- outside, significant with the right sign            direction only; but for a ``difference`` against a published
                                                      band not reproduced: that policy has no retry
- significant with the wrong sign                     not reproduced
A ``direction only`` of a trained score asks for a retry with fresh seeds: outside again is not reproduced.

Not covered: whether the measurement was right (graders, prompts, leaks), nor whether the base model is alive: one that
solves nothing shows no lift and +0 too, so ``no_lift`` and ``equivalence`` are judged beside its ``baseline``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from scipy import stats

from selfboot.analysis.bands import Band, SeedSpread, difference_band, seed_spread
from selfboot.analysis.paired import (
    Interval,
    Outcomes,
    PairedTest,
    detectable_lift,
    discordance,
    equivalence_power,
    holm,
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
    "as calibrated", "drifted", "unsettled",
]  # fmt: skip
AT_MINI: Mapping[VerdictStatus, VerdictStatus] = {  # of a model that the paper did not use, by its own calibration
    "reproduced": "as calibrated", "not reproduced": "drifted", "direction only": "unsettled",
    "inconclusive": "unsettled",
}  # fmt: skip
FAILED: tuple[VerdictStatus, ...] = ("not reproduced", "drifted")
Kind = Literal[
    "baseline", "seeded_training", "oracle", "difference", "equivalence", "no_lift", "sweep", "synergy", "plateau",
    "yield", "floor", "boundary", "determinism",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
Detail = float | int | str | bool | None
ALPHA = 0.05
DIFFERENCE_ALPHA = 0.005  # two-sided
ENOUGH_POWER = 0.8
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
    base: Seeds,
    trained: Seeds,
    band: Band,
    *,
    claimed_lift: float,
    second: Seeds | None = None,
    second_band: Band | None = None,
    alpha: float = ALPHA,
) -> Verdict:
    """A trained score against its band, and its paired lift over its own baseline (one-sided exact test).

    ``band`` must be made for as many fresh seeds as ``trained`` holds; ``claimed_lift`` (tasks, its sign is the claim)
    is what power is judged at. ``second`` holds outcomes of FRESH seeds, drawn because the first set lay outside
    (``retry``).
    """
    first = _score_and_lift(base, trained, band, claimed_lift, alpha)
    if second is None:
        return first
    return after_retry(first, _score_and_lift(base, second, second_band or band, claimed_lift, alpha))


def _score_and_lift(base: Seeds, trained: Seeds, band: Band, claimed: float, alpha: float) -> Verdict:
    test = paired_test(base, trained)
    score = float(task_matrix(trained).sum() / len(trained))
    details = _in_band_details(score, band) | _lift_details(base, trained, test, claimed, alpha)
    verdict = _banded_direction(score, band, test, details, alpha, claimed)
    if verdict.status == "direction only":
        return replace(verdict, retry=True)
    return verdict


def difference(
    base: Seeds, after: Seeds, *, published: float, band: Band | None = None, alpha: float = DIFFERENCE_ALPHA
) -> Verdict:
    """A paired difference against the published one; significant at ``alpha``, two-sided, with the published sign.

    Without ``band`` the published band is computed from the measured discordance (mean over seeds). The details show
    the p-value of the published side, to be compared with half of ``alpha``.
    """
    alpha = alpha / 2
    test = paired_test(base, after)
    counts = _mean_discordance(base, after)
    band = band or difference_band(published, round(counts[0] + counts[1]), len(base[0]))
    details = _in_band_details(test.difference, band) | _lift_details(base, after, test, published, alpha)
    verdict = _banded_direction(test.difference, band, test, details, alpha, published)
    if verdict.status == "direction only" and band.source == "published":
        return Verdict("not reproduced", f"{verdict.reason}; the sign agrees, the size does not", verdict.details)
    return verdict


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


def _lift_details(base: Seeds, after: Seeds, test: PairedTest, claimed: float, alpha: float) -> dict[str, Detail]:
    if claimed == 0:
        raise DataError("a claimed difference of 0 tasks has no direction; use the equivalence policy")
    gains, losses = _mean_discordance(base, after)
    right, wrong = (test.up, test.down) if claimed > 0 else (test.down, test.up)
    agrees = "agrees" if right <= alpha else "disagrees" if wrong <= alpha else "not shown"
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
        "power": lift_power(base, after, claimed, alpha),
        "direction": agrees,
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
    if direction == "agrees":
        status: VerdictStatus = "reproduced" if side == "inside" else "direction only"
        return Verdict(status, f"{where}; {sign} of {test.difference:+.1f} significant (p={p:.2g})", details)
    missing = f"{where}; {sign} of {test.difference:+.1f} not significant (p={p:.2g}, alpha={alpha:g})"
    if side == "inside" and power < ENOUGH_POWER:
        return Verdict("inconclusive", f"{missing}; power at the claimed {claimed:+.1f} only {power:.0%}", details)
    return Verdict("not reproduced", missing, details)


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


def equivalence(base: Seeds, after: Seeds, *, margin: float, alpha: float = ALPHA) -> Verdict:
    """A difference of +0: both ends of its 90 % interval within ±``margin`` tasks (two one-sided tests).

    One seed: Tango's score interval. More: mean ± t·s/√m with the shrunken seed spread, as the tasks are fixed.
    """
    _check_margin(margin)
    n, m = len(base[0]), len(after)
    interval = equivalence_interval(base, after, alpha)
    gains, losses = _mean_discordance(base, after)
    half = (interval.upper - interval.lower) / 2
    power = (
        equivalence_power(n, 2 * min(gains, losses), margin, alpha)
        if m == 1
        else _normal_equivalence_power(half, margin)
    )
    details: dict[str, Detail] = {
        "n": n, "seeds": m, "difference": interval.estimate, "lower": interval.lower, "upper": interval.upper,
        "margin": margin, "alpha": alpha, "gains": gains, "losses": losses, "power": power,
    }  # fmt: skip
    shown = f"{interval.estimate:+.1f} ({interval.lower:+.1f} to {interval.upper:+.1f}), margin ±{margin:g}"
    if -margin < interval.lower and interval.upper < margin:
        return Verdict("reproduced", shown, details)
    if interval.lower >= margin or interval.upper <= -margin:
        return Verdict("not reproduced", f"{shown}: wholly outside", details)
    different = interval.lower > 0 or interval.upper < 0
    if power < ENOUGH_POWER and not different:
        return Verdict("inconclusive", f"{shown}; power under equality only {power:.0%}", details)
    return Verdict("not reproduced", f"{shown}: a bound outside", details)


def equivalence_interval(base: Seeds, after: Seeds, alpha: float = ALPHA) -> Interval:
    """The 1 − 2·alpha interval of the difference in tasks that ``equivalence`` uses."""
    if len(base) == len(after) == 1:
        return score_interval(discordance(base[0], after[0]), 1 - 2 * alpha)
    before, later = task_matrix(base).sum(1), task_matrix(after).sum(1)
    spread = seed_spread([[float(x) for x in later]], len(after[0]))
    mean = float(later.mean() - before.mean())
    half = float(stats.t.ppf(1 - alpha, spread.df)) * spread.sd / len(after) ** 0.5
    return Interval(mean, mean - half, mean + half)


def _normal_equivalence_power(half: float, margin: float, alpha: float = ALPHA) -> float:
    z = float(stats.norm.ppf(1 - alpha))
    if half <= 0:
        return 1.0
    return max(0.0, 2 * float(stats.norm.cdf(z * (margin - half) / half)) - 1)


def _check_margin(margin: float) -> None:
    if not margin > 0:
        raise DataError(f"margin of {margin} tasks: state a positive margin in the registry")


def no_lift(arms: Mapping[str, tuple[Seeds, Seeds]], *, margin: float, alpha: float = ALPHA) -> Verdict:
    """No clean lift: no arm significantly above its own baseline (Holm over arms), by a test able to see ``margin``.

    ``arms``: name → (baseline, trained), seeds × tasks each.
    """
    _check_margin(margin)
    if not arms:
        raise DataError("no-lift claim without arms: give at least one trained arm and its baseline")
    tests = {name: paired_test(base, after) for name, (base, after) in arms.items()}
    adjusted = holm({name: test.up for name, test in tests.items()})
    detectable = max(_detectable(base, after, alpha / len(arms)) for base, after in arms.values())
    up = sorted(name for name, p in adjusted.items() if p <= alpha)
    details: dict[str, Detail] = {"arms": len(arms), "margin": margin, "detectable": detectable, "alpha": alpha}
    for name, test in tests.items():
        details |= {f"difference[{name}]": test.difference, f"p[{name}]": adjusted[name]}
    if up:
        return Verdict("not reproduced", f"significantly up: {', '.join(up)}", details)
    if detectable > margin:
        return Verdict(
            "inconclusive",
            f"no arm up; the least detectable lift is {detectable:.1f}, margin {margin:g}",
            details,
        )
    return Verdict("reproduced", f"none of {len(arms)} arms up; {detectable:.1f} tasks would have been seen", details)


def _detectable(base: Seeds, after: Seeds, alpha: float) -> float:
    gains, losses = _mean_discordance(base, after)
    return detectable_lift(len(base[0]), 2 * min(gains, losses), alpha)


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
    if published < 0 or power < ENOUGH_POWER:
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
    *FAILED, "not run", "protocol mismatch", "inconclusive", "unsettled", "direction only", "reproduced",
    "as calibrated",
)  # fmt: skip


def worst(statuses: Iterable[VerdictStatus]) -> VerdictStatus:
    """The status of a claim with several parts: the worst part's."""
    found = list(statuses)
    if not found:
        raise DataError("a claim without parts has no verdict; judge at least one")
    return min(found, key=_WORST_FIRST.index)
