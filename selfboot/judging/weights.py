"""What every claim asserts of its weights, whatever it measures: hashes decide, so nothing is a matter of chance.

- An adapter changes at least one token against the base, asked alike. Where pairs were found, there is an adapter.
- Two seeds give two adapters.
- The base stays: one model everywhere, and the same greedy tokens from the same engine.

Where nothing was mined there is nothing to train on, and the trained arm is the base: that is no error.

At small scale an adapter of fewer items than a recipe needs may change no token. (Ruled so on 28 November 2026, after
SmolLM2's adapter of one trace changed none on seven tasks and the case was called broken.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from selfboot.analysis.verdict import Verdict
from selfboot.judging.results import Asked, Part, part
from selfboot.lab import Drawn
from selfboot.protocols.base import Arm, Run
from selfboot.registry import Settings


def weights(settings: Settings, runs: Sequence[Run], needed: int = 1) -> Part:
    """The assertions on the runs of a claim, one run a seed. The part's figure is the number of adapters.
    ``needed``: an adapter of so many mined items, or more, must change a token."""
    wrong = [*_untrained(settings, runs), *_without_effect(runs, needed), *_seed_ignored(runs), *_base_changed(runs)]
    adapters = {one.adapter for run in runs for one in run.drawn.values() if one.adapter}
    right = f"adapters: {len(adapters)}, none without effect, none of two seeds; the base is unchanged"
    verdict = Verdict("not reproduced", "; ".join(dict.fromkeys(wrong))) if wrong else Verdict("reproduced", right)
    if lacking := [
        name for run in runs for name in run.outcomes if _is_score(run.arms[name]) and name not in run.drawn
    ]:
        verdict = Verdict("inconclusive", f"{lacking[0]}: nothing says which weights drew its tokens")
    return part("weights", "weights", verdict, Asked("weights"), [len(adapters)])


def honest(arms: Mapping[str, Arm]) -> dict[str, Drawn]:
    """What a right system gives for scores of these arms: for runs that are simulated."""
    own = {name: f"{name} {arm.seed}" for name, arm in arms.items() if _is_score(arm)}
    adapters = {name: own[name] if arms[name].role == "trained" else "" for name in own}
    return {name: Drawn(arms[name].model, "", adapters[name], own[name]) for name in own}


def _is_score(arm: Arm) -> bool:
    return arm.role in ("base", "trained")


def _trained(run: Run) -> list[str]:
    return [name for name in run.drawn if run.arms[name].role == "trained"]


def _untrained(settings: Settings, runs: Sequence[Run]) -> Iterator[str]:
    """Trained scores that no adapter drew, although there were items to train on."""
    for run in runs:
        for name in _trained(run):
            if not run.drawn[name].adapter and _items(settings, run, run.arms[name]):
                yield f"{name}, seed {run.seed}: drawn without the adapter, although there were items to train on"


def _items(settings: Settings, run: Run, arm: Arm) -> bool:
    """Were there items to train on? Those that were found, and those of the claim's pair file."""
    found = _mined(run, arm)
    return any(found) if found else bool(settings.pairs or arm.pairs)


def _mined(run: Run, arm: Arm) -> list[float]:
    """How many items were mined for an arm; empty where its items are not the model's own."""
    return [
        run.figures[name] for name, one in run.arms.items()
        if one.role == "items" and (one.model, one.round) == (arm.model, arm.round)
    ]  # fmt: skip


def _without_effect(runs: Sequence[Run], needed: int) -> Iterator[str]:
    """Adapters of enough items whose scores all have the tokens of the base, asked alike."""
    for run in runs:
        for adapter in dict.fromkeys(run.drawn[name].adapter for name in _trained(run) if run.drawn[name].adapter):
            own = [name for name in _trained(run) if run.drawn[name].adapter == adapter]
            if all(max(_mined(run, run.arms[name]), default=needed) < needed for name in own):
                continue
            beside = [(name, base) for name in own for base in run.drawn if _alike(run.arms[base], run.arms[name])]
            if beside and all(run.drawn[name].tokens == run.drawn[base].tokens for name, base in beside):
                yield f"{', '.join(own)}, seed {run.seed}: the adapter changes no token"


def _alike(base: Arm, trained: Arm) -> bool:
    return base.role == "base" and base.beside(trained) and (base.greedy, base.draws) == (trained.greedy, trained.draws)


def _seed_ignored(runs: Sequence[Run]) -> Iterator[str]:
    """Arms that two seeds trained to the same adapter."""
    for one, other in combinations(runs, 2):
        for name in _trained(one):
            if (
                one.seed != other.seed
                and name in other.drawn
                and one.drawn[name].adapter == other.drawn[name].adapter != ""
            ):
                yield f"{name}: seeds {one.seed} and {other.seed} gave the same adapter"


def _base_changed(runs: Sequence[Run]) -> Iterator[str]:
    """Models whose weights are not the same in all scores, and greedy base scores whose tokens differ."""
    models: dict[str, str] = {}
    tokens: dict[tuple[str, str], str] = {}
    for run in runs:
        for name, drawn in run.drawn.items():
            model = run.arms[name].model
            if models.setdefault(model, drawn.model) != drawn.model:
                yield f"{name}, seed {run.seed}: drawn from other weights of {model or 'the base'} than the first score"
            if run.arms[name].fixed and tokens.setdefault((name, drawn.engine), drawn.tokens) != drawn.tokens:
                yield f"{name}, seed {run.seed}: the base gives other tokens than in the first run"
