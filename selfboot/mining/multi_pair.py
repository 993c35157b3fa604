"""Aggressive multi-pair mining (§3.7): harder problems, many attempts, up to ``cap`` pairs a problem.

Every failing attempt at a problem that some attempt solves becomes a pair; the passing attempts take turns as its fixed
side (the paper takes the first). Failing code that is nearly the same as one kept before in the run is left out
(Jaccard similarity of token sets; the paper's script drops exact repetitions only).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from selfboot.formats.base import code_format
from selfboot.formats.problems import problem_prompt
from selfboot.mining.base import Capped, MiningContext, Record
from selfboot.mining.steps import Attempt, attempt, code_pair, invent, unseen, valid
from selfboot.records import Item, Pair, Sampling

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class MultiPairMiner(Capped):
    """``steps`` batches of ``problems`` hard problems (the paper: 200 in all) with ``attempts`` attempts each.

    ``similar``: token Jaccard from which on failing code is a repetition. ``warmup``: pairs that go before the others.
    """

    steps: int = 10
    problems: int = 20
    attempts: int = 8
    cap: int = 4
    similar: float = 0.85
    warmup: tuple[Pair, ...] = ()
    target: int | None = None
    problem_sampling: Sampling = Sampling(500, temperature=0.95)
    attempt_sampling: Sampling = Sampling(500, temperature=0.8)
    format: str = "chat"
    name: str = "multi-pair"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch: problems, validity, attempts."""
        prompts = [problem_prompt(ctx.chat, "hard_problems")] * self.problems
        parsed = invent(ctx, prompts, self.problem_sampling, "problem", index)
        seen = (row["signature"] for record in before for row in record["valid"])
        good = valid(ctx, unseen(parsed, lambda p: p.signature, seen))
        sampling = replace(self.attempt_sampling, n=self.attempts)
        tasks = [p.task("") for p in good]
        tried = attempt(ctx, tasks, code_format(self.format), sampling, "attempt", index, trusted=False)
        return {
            "asked": self.problems,
            "well_formed": len(parsed),
            "valid": [asdict(p) for p in good],
            "attempts": tried,
        }

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = [*self.warmup]
        kept: list[frozenset[str]] = []
        for step, record in enumerate(records):
            for problem, rows in zip(record["valid"], record["attempts"], strict=True):
                items += self._pairs(problem, [Attempt(*row) for row in rows], kept, step)
        return items

    def _pairs(self, problem: Record, attempts: Sequence[Attempt], kept: list[frozenset[str]], step: int) -> list[Item]:
        """The pairs of one problem; the failing code of each is added to ``kept``."""
        passing = [one for one in attempts if one.passed]
        items: list[Item] = []
        for broken in attempts:
            tokens = frozenset(_TOKEN.findall(broken.program))
            if broken.passed or not passing or any(jaccard(tokens, old) >= self.similar for old in kept):
                continue
            if len(items) == self.cap:
                break
            kept.append(tokens)
            fixed = passing[len(items) % len(passing)]
            items += code_pair(problem["signature"], problem["tests"], broken, fixed, step=step)
        return items


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection by size of the union; two empty sets are the same: 1."""
    return len(one & other) / len(one | other) if one or other else 1.0
