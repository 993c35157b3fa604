"""The small frozen records that cross module borders. No model, no I/O, no logic beyond reading a field.

Scores keep the outcome of every task, always: paired tests need it (analysis/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["passed", "wrong", "error", "timeout", "memory", "blocked"]


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn. ``temperature == 0`` is greedy; then ``top_p`` and seeds have no effect.

    ``stop`` holds strings; the text is cut before the first of them, by us, on decoded text, never by the engine.
    ``top_k``: draw from so many tokens at most (0: from all). ``end``: what ends a completion: "turn", the model's
    end-of-turn tokens and its end of text; "text", the tokenizer's end of text alone, as in the paper's scripts.
    """

    max_new_tokens: int = 400
    temperature: float = 0.0
    top_p: float = 0.95
    n: int = 1
    stop: tuple[str, ...] = ()
    top_k: int = 0
    end: Literal["turn", "text"] = "turn"


@dataclass(frozen=True)
class Completion:
    """One completion. ``text`` is decoded without special tokens and already cut at the first stop string."""

    text: str
    tokens: int  # new tokens drawn, before the cut
    finish: Literal["eos", "stop", "length", ""]  # "": recorded elsewhere, not known
    token_hash: str  # sha256[:16] of the drawn token ids, the evidence for "deterministic for a fixed seed"


@dataclass(frozen=True)
class CodeTask:
    """A programming task. ``prompt`` is header and docstring; ``tests`` are statements that call ``entry_point``."""

    task_id: str
    prompt: str
    entry_point: str
    tests: tuple[str, ...]
    canonical: str  # continues ``prompt``
    plus_tests: tuple[str, ...] = ()  # extra hidden tests (MiniEval+, HumanEval+)
    level: int = 0
    kind: str = ""


@dataclass(frozen=True)
class AnswerTask:
    """A problem with one final answer. ``answer`` is text in the benchmark's own notation."""

    task_id: str
    problem: str
    answer: str
    solution: str = ""
    level: int = 0
    kind: str = ""


@dataclass(frozen=True)
class CodeJob:
    """One program to judge. ``tests`` is source that calls ``entry_point`` by name and raises when it is not satisfied.

    ``trusted_tests=False``: the tests were written by a model too (mining) and are as hostile as the program.
    """

    program: str
    entry_point: str
    tests: str
    trusted_tests: bool = True
    timeout_s: float | None = None  # by the clock on the wall; None: the grader's default
    cpu_s: float | None = (
        None  # CPU time; None: as many as ``timeout_s`` where that is given, else the grader's default
    )


@dataclass(frozen=True)
class Outcome:
    """The verdict on one attempt. ``detail`` is one line to show a model: ``AssertionError: assert f(2) == 3``."""

    status: Status
    detail: str = ""
    line: int | None = None  # line of the program where it failed, where known
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.status == "passed"


@dataclass(frozen=True)
class Pair:
    """A mined (broken, fixed) pair in the paper's JSON Lines schema (data/pairs/README.md)."""

    signature: str
    tests: tuple[str, ...]
    broken: str
    error: str
    fixed: str
    meta: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class Solution:
    """A solved problem to train on; ``problem``, ``solution``, ``answer`` are the paper's JSON Lines schema.

    ``wrong`` is a failed attempt, ``target`` what it is there for: "plain" has none, "repair" shows it in the prompt,
    "trace" makes it the beginning of what is learned. ``format`` is the answer format of prompt and solution.
    """

    problem: str
    solution: str
    answer: str
    wrong: str = ""
    target: Literal["plain", "repair", "trace"] = "plain"
    format: str = "gsm8k"
    meta: dict[str, str] = field(default_factory=dict, hash=False, compare=False)


Item = Pair | Solution  # what a miner gets out of a model and training takes


@dataclass(frozen=True)
class Example:
    """One training example as text: the loss is on ``target``, unless the recipe takes all tokens."""

    prompt: str
    target: str
