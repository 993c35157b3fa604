"""Sampling alone, nothing is trained: stop strings (§2), best-of-N and pass@k (§3.3), majority vote (§3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from selfboot.analysis.pass_at_k import pass_at_k
from selfboot.analysis.vote import majority
from selfboot.formats import AnswerFormat, answer_format
from selfboot.formats.paper import PaperAnswerFormat
from selfboot.formats.paper.reading import boxed_of, vote_key
from selfboot.formats.paper.reread import RereadAnswers
from selfboot.grading.majority import vote_keys
from selfboot.lab import Tally
from selfboot.protocols.arms import asking
from selfboot.protocols.base import Arm, Notes, Run, evaluate
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Sampling
from selfboot.registry import Settings


def score_with_stop_strings(lab: LabLike, settings: Settings, seed: int) -> Run:
    """``right``, ``wrong``, ``wrong 2`` …: greedy completions, cut at the format's stop strings and at each of the
    claim's wrong sets of them."""
    notes = Notes(seed)
    how = asking(settings, lab.benchmark(settings.benchmark), "base", None)
    drawn: dict[str, Any] = {"format": how.format, "sampling": how.sampling, "timeout_s": how.timeout_s}
    right = lab.evaluate(settings.model, settings.benchmark, **drawn)
    notes.score("right", Arm("base"), right)
    for number, stop in enumerate(settings.wrong_stop, 1):
        wrong = lab.evaluate(settings.model, settings.benchmark, **drawn, stop=stop)
        tail = f" {number}" if number > 1 else ""
        notes.score(f"wrong{tail}", Arm("base", reading=f"wrong stop strings{tail}"), wrong)
    return notes.run()


def best_of_n(
    lab: LabLike,
    settings: Settings,
    seed: int,
    *,
    n: int = 8,
    temperature: float = 0.7,
    ks: Sequence[int] = (),
    also: Sequence[str] = (),
    tokens: int = 400,
) -> Run:
    """``greedy`` and ``best-of-n``; ``pass@k`` for each of ``ks`` (unbiased, in tasks) from the same draw.

    The same on each benchmark of ``also``.
    """
    notes = Notes(seed)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        greedy = evaluate(lab, settings, "base", benchmark, sampling=Sampling(tokens))
        many = Sampling(tokens, temperature=temperature, n=n)
        drawn = evaluate(lab, settings, "base", benchmark, sampling=many, seed=seed)
        other = benchmark if tail else ""
        notes.score(f"greedy{tail}", Arm("base", other), greedy)
        best = Arm("base", other, greedy=False, draws=n, judged="any")
        notes.score(f"best-of-{n}{tail}", best, drawn, drawn.oracle)
        for k in ks:
            estimate = sum(pass_at_k(n, passes, k) for passes in drawn.passes)
            notes.figure(f"pass@{k}{tail}", replace(best, draws=k, judged="estimate"), estimate)
    return notes.run()


def majority_vote(
    lab: LabLike, settings: Settings, seed: int, *, n: int = 16, temperature: float = 0.7, also: Sequence[str] = ()
) -> Run:
    """``greedy``, ``first`` (one sample at T: what the paper shows as greedy), ``vote`` and ``oracle``."""
    notes = Notes(seed)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        other = benchmark if tail else ""
        notes.score(f"greedy{tail}", Arm("base", other), evaluate(lab, settings, "base", benchmark))
        many = Sampling(temperature=temperature, n=n)
        drawn = evaluate(lab, settings, "base", benchmark, sampling=many, seed=seed)
        first = Arm("base", other, greedy=False)
        notes.score(f"first{tail}", first, drawn)
        form = asking(settings, lab.benchmark(benchmark), "base", many).format
        flags = voted(drawn, form)
        notes.score(f"vote{tail}", replace(first, draws=n, judged="vote"), drawn, flags)
        notes.score(f"oracle{tail}", replace(first, draws=n, judged="any"), drawn, drawn.oracle)
    return notes.run()


def voted(drawn: Tally, format: str) -> list[bool]:
    """Per problem: is the answer that most of its completions give the right one? (no oracle looks at it)"""
    form = answer_format(format)
    flags = []
    for row, outcomes in zip(drawn.samples.completions, drawn.outcomes, strict=True):
        winner = majority(_votes([c.text for c in row], form)).index
        flags.append(winner is not None and outcomes[winner].passed)
    return flags


def _votes(texts: Sequence[str], form: AnswerFormat) -> list[str | None]:
    """By the paper's key where the format is read by a rule of the paper, else by our normal form."""
    if isinstance(form, PaperAnswerFormat | RereadAnswers):
        return [vote_key(boxed_of(text)) for text in texts]
    return vote_keys(texts, form.style, strict=form.strict)
