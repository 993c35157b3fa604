"""Registry entries as pytest cases: one a scale (and seed), with the tier's marker; and what they report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from selfboot.analysis.verdict import combine
from selfboot.claims import Claim, Scale, Settings, registry
from selfboot.judge import Judge, Judgement
from selfboot.pairs import read_pairs
from selfboot.paths import DATA
from selfboot.records import Pair


@dataclass(frozen=True)
class Row:
    """One line of the table that ends a run, and of the JUnit properties."""

    claim: str
    section: str
    scale: str
    paper: str
    measured: str
    band: str
    verdict: str
    direction: str
    reason: str
    seconds: float = 0.0


@dataclass
class Case:
    """What a claim's test holds: the claim's settings at one scale, and ``expect`` to judge what was measured."""

    claim: Claim
    scale: Scale
    settings: Settings
    seed: int = 0
    rows: list[Row] = field(default_factory=list)

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

    def expect(self, **parts: Judgement) -> None:
        """Report the parts' judgements as one row; fail the test when any of them is "not reproduced"."""
        verdict = combine({name: part.verdict for name, part in parts.items()})
        main = list(parts.values())[-1]
        row = Row(
            claim=f"{self.claim.id}[{self.id}]",
            section=self.claim.section,
            scale=self.scale,
            paper=self.claim.published,
            measured=main.measured,
            band=main.band,
            verdict=verdict.status,
            direction=main.direction,
            reason=verdict.reason,
        )
        self.rows.append(row)
        message = (
            f"{row.claim}: paper {row.paper} | measured {row.measured} | band {row.band} | {row.verdict}: {row.reason}"
        )
        if verdict.status == "inconclusive":
            pytest.skip(message)
        if verdict.failed:
            pytest.fail(message, pytrace=False)


def pairs_path(settings: Settings, name: str | None = None) -> Any:
    """Where a named pair file lies: a model's own in data/pairs/<model>/, released ones in data/released/."""
    name = name or settings.pairs
    own = DATA / "pairs" / settings.model / f"{name}.jsonl"
    shared = DATA / "pairs" / f"{name}.jsonl"
    released = DATA / "released" / f"{name}.jsonl"
    return next((path for path in (own, shared) if path.exists()), released)


def cases(claim_id: str, *, by_seed: bool = False) -> Callable[[Any], Any]:
    """Parametrise a test over the scales of a claim (``by_seed``: and its seeds), marked with the claim's tier."""
    claim = registry()[claim_id]
    params = [pytest.param(case, id=case.id, marks=[*_marks(claim, case)]) for case in _expand(claim, by_seed=by_seed)]

    def decorate(test: Any) -> Any:
        test = pytest.mark.parametrize("case", params)(test)
        return pytest.mark.claim(claim_id)(test)

    return decorate


def _expand(claim: Claim, *, by_seed: bool) -> Iterator[Case]:
    for scale, settings in claim.scales.items():
        for seed in settings.seeds if by_seed else (0,):
            yield Case(claim, scale, settings, seed)


def _marks(claim: Claim, case: Case) -> Iterator[pytest.MarkDecorator]:
    yield getattr(pytest.mark, claim.tier)
    yield getattr(pytest.mark, case.scale)
    if case.scale == "paper":
        yield pytest.mark.gpu


def as_properties(row: Row) -> dict[str, str]:
    """The row as JUnit properties (text)."""
    return {f"selfboot.{name}": str(value) for name, value in asdict(row).items()}
