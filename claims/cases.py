"""Registry entries as pytest cases: one a scale (and seed), with the tier's marker; and what they report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from selfboot.analysis.verdict import combine
from selfboot.claims import Claim, Scale, Settings, registry
from selfboot.judge import Judge, Judgement
from selfboot.pairs import read_pairs
from selfboot.paths import DATA
from selfboot.records import Pair
from selfboot.results import Evidence, Result
from selfboot.store import Artifact


class Evident(Protocol):
    """Anything the Lab gives back: it rests on an artifact."""

    @property
    def artifact(self) -> Artifact: ...


@dataclass
class Case:
    """What a claim's test holds: the claim's settings at one scale, and ``expect`` to judge what was measured."""

    claim: Claim
    scale: Scale
    settings: Settings
    seed: int = 0
    weights: str = "trained"
    results: list[Result] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.scale}-{self.seed}" if self.seed else self.scale

    @property
    def model(self) -> str:
        return self.settings.model

    @property
    def judge(self) -> Judge:
        return Judge(self.claim, self.scale, self.settings)

    def pairs(self, name: str | None = None) -> list[Pair]:
        """The pairs at hand for this case, as many as its ``count``."""
        pairs = read_pairs(pairs_path(self.settings, name))
        return pairs[: self.settings.count or len(pairs)]

    def expect(self, parts: Mapping[str, Judgement], evidence: Mapping[str, Evident]) -> None:
        """Report the parts' judgements as one result; fail the test when any of them is "not reproduced".

        ``evidence``: scores, adapters and pairs by what they are, for the report; figures shown are the last part's.
        """
        result = self._result(parts, evidence)
        self.results.append(result)
        figures = f"paper {result.paper} | measured {result.measured} | band {result.band}"
        message = f"{result.name}: {figures} | {result.verdict}: {result.reason}"
        if result.verdict == "inconclusive":
            pytest.skip(message)
        if result.verdict == "not reproduced":
            pytest.fail(message, pytrace=False)

    def _result(self, parts: Mapping[str, Judgement], evidence: Mapping[str, Evident]) -> Result:
        verdict = combine({name: part.verdict for name, part in parts.items()})
        main = list(parts.values())[-1]
        return Result(
            claim=self.claim.id,
            case=self.id,
            section=self.claim.section,
            title=self.claim.title,
            tier=self.claim.tier,
            scale=self.scale,
            model=self.model,
            paper=self.claim.published,
            measured=main.measured,
            band=main.band,
            verdict=verdict.status,
            direction=main.direction,
            reason=verdict.reason,
            weights=self.weights,
            details=dict(verdict.details),
            evidence=tuple(Evidence(label, a.artifact.kind, a.artifact.id) for label, a in evidence.items()),
        )


def pairs_path(settings: Settings, name: str | None = None) -> Path:
    """Where a named pair file lies: a model's own, one that serves every model, or a released one."""
    name = name or settings.pairs
    own, shared = DATA / "pairs" / settings.model / f"{name}.jsonl", DATA / "pairs" / f"{name}.jsonl"
    return next((path for path in (own, shared) if path.exists()), DATA / "released" / f"{name}.jsonl")


def cases(claim_id: str, *, by_seed: bool = False) -> Callable[[Any], Any]:
    """Parametrise a test over the scales of a claim (``by_seed``: and its seeds), marked with the claim's tier."""
    claim = registry()[claim_id]
    params = [pytest.param(case, id=case.id, marks=[*_marks(case)]) for case in _expand(claim, by_seed=by_seed)]

    def decorate(test: Any) -> Any:
        return pytest.mark.claim(claim_id)(pytest.mark.parametrize("case", params)(test))

    return decorate


def _expand(claim: Claim, *, by_seed: bool) -> Iterator[Case]:
    for scale, settings in claim.scales.items():
        for seed in settings.seeds if by_seed else (0,):
            yield Case(claim, scale, settings, seed)


def _marks(case: Case) -> Iterator[pytest.MarkDecorator]:
    yield getattr(pytest.mark, case.claim.tier)
    yield getattr(pytest.mark, case.scale)
    if case.scale == "paper":
        yield pytest.mark.gpu
