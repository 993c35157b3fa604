"""A scripted model and plain graders: every miner's tests run on them, in milliseconds and without a model."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.mining.base import Miner, MiningContext, Record, Stages, run_miner
from selfboot.pairs import pairs_text
from selfboot.progress import Silent
from selfboot.records import AnswerTask, CodeJob, CodeTask, Completion, Outcome, Sampling


def chat(messages: Sequence[dict[str, str]]) -> str:
    return messages[-1]["content"]


@dataclass
class Budget:
    """How many calls of the model and trainings are left before the process is "killed"."""

    limit: int | None = None
    calls: int = 0
    trained_on: list[list[int]] = field(default_factory=list)

    def spend(self) -> None:
        self.calls += 1
        if self.limit is not None and self.calls > self.limit:
            raise KeyboardInterrupt


class ScriptedModel:
    """Invents additions, as functions and as word problems, and solves them right or wrong by seed and prompt alone."""

    def __init__(self, right: float = 0.5, budget: Budget | None = None) -> None:
        self.right, self.budget = right, budget or Budget()

    def generate(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[tuple[Completion, ...]]:
        self.budget.spend()
        return [
            tuple(Completion(self._text(p, self._rng(p, s, j, sampling)), 1, "eos", "") for j in range(sampling.n))
            for p, s in zip(prompts, seeds, strict=True)
        ]

    def trained(self, stages: Stages) -> ScriptedModel:
        """The model after some trainings: better by the number of items that it was trained on."""
        self.budget.spend()
        self.budget.trained_on.append([len(stage) for stage in stages])
        return ScriptedModel(min(0.9, self.right + 0.01 * sum(map(len, stages))), self.budget)

    def _rng(self, prompt: str, seed: int, sample: int, sampling: Sampling) -> random.Random:
        return random.Random(f"{seed}-{sample}" if sampling.temperature > 0 else prompt)

    def _text(self, prompt: str, rng: random.Random) -> str:
        if "exercise" in prompt:
            return exercise(rng.randrange(1000))
        if "PROBLEM, EXPRESSION and ANSWER" in prompt:
            a, b = rng.randrange(100), rng.randrange(100)
            return f"PROBLEM: {question(a, b)}\nEXPRESSION: {a} + {b}\nANSWER: {a + b}\n\nPROBLEM: and so on"
        wrong = rng.random() >= self.right
        if "plus_" in prompt:
            return self._code(prompt, " - 1" if wrong else "")
        a, b = (int(n) for n in re.findall(r"What is (\d+) and (\d+)", prompt)[0])
        return f"{a} + {b} = {a + b - wrong}\n#### {a + b - wrong}"

    def _code(self, prompt: str, mistake: str) -> str:
        k = prompt.split("plus_")[1].split("(")[0]
        if prompt.endswith("("):  # a function is begun already
            return f"x):\n    return x + {k}{mistake}\n"
        code = f"def plus_{k}(x):\n    return x + {k}{mistake}\n"
        return code if prompt.startswith("#") else f"```python\n{code}```"


def exercise(k: int) -> str:
    tests = "".join(f"assert plus_{k}({x}) == {x + k}\n" for x in (1, 5, 9))
    return f'def plus_{k}(x):\n    """Add {k} to x."""\n    return x + {k}\n\n{tests}'


def question(a: int, b: int) -> str:
    return f"What is {a} and {b} together?"


class PlainGrader:
    """Runs our own scripted programs in this process; only for programs that these tests write."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._one(job) for job in jobs]

    def _one(self, job: CodeJob) -> Outcome:
        try:
            exec(f"{job.program}\n{job.tests}", {})
        except Exception as error:
            return Outcome("wrong", type(error).__name__)
        return Outcome("passed")


@dataclass(frozen=True)
class Verdict:
    strict: bool
    extracted: str | None

    @property
    def lenient(self) -> bool:
        return self.strict


class PlainAnswers:
    """The number behind the last ####, compared as text."""

    def grade(self, items: Sequence[tuple[str, str]], style: str) -> list[Verdict]:
        found = [re.findall(r"#### (\S+)", text) for text, _ in items]
        return [
            Verdict(bool(got) and got[-1] == gold, got[-1] if got else None)
            for got, (_, gold) in zip(found, items, strict=True)
        ]


CODE_SEEDS = Benchmark(
    "seeds",
    tuple(
        CodeTask(
            f"s/{k}", f"Add {k} to x.", f"plus_{k}", (f"assert plus_{k}(1) == {1 + k}",), f"plus_{k} = {k}.__add__"
        )
        for k in range(24)
    ),
)
ANSWER_SEEDS = AnswerBenchmark(
    "problems", tuple(AnswerTask(f"p/{k}", question(k, k + 1), str(2 * k + 1)) for k in range(24))
)


def context(model: ScriptedModel, seed: int = 1) -> MiningContext:
    return MiningContext(model, PlainGrader(), chat, seed, PlainAnswers(), model.trained)


def records_of(miner: Miner, model: ScriptedModel, work: Path, seed: int = 1) -> list[Record]:
    work.mkdir(exist_ok=True)
    return run_miner(miner, context(model, seed), work, Silent())


def mine(miner: Miner, model: ScriptedModel, work: Path, seed: int = 1) -> str:
    """The items of a run as JSON Lines."""
    return pairs_text(miner.items(records_of(miner, model, work, seed)))
