"""A small run store as the suite leaves it, made of real HumanEval tasks and of attempts that fail in known ways."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from report_parts import BASE, contrast, figure, trained

from selfboot.benchmarks.base import load_benchmark
from selfboot.judging.results import Asked, Evidence, Part, Result
from selfboot.protocols.base import Arm
from selfboot.published import effect
from selfboot.records import CodeTask
from selfboot.registry import registry
from selfboot.store import RunStore

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<svg onload=alert(1)>\u2028{{ 7*7 }}<!-- --></pre></textarea>\x00javascript:alert(1)"
)
Make = Callable[[CodeTask], tuple[str, str, str]]  # completion, program, status


def right(task: CodeTask) -> tuple[str, str, str]:
    program = task.prompt + task.canonical
    return f"```python\n{program}```", program, "passed"


def run_on(task: CodeTask) -> tuple[str, str, str]:
    program = f"{task.prompt}{task.canonical}\nuser\nWrite the next function."
    return program, program, "error"


def empty(task: CodeTask) -> tuple[str, str, str]:
    return "", task.prompt, "wrong"


def wrong(task: CodeTask) -> tuple[str, str, str]:
    program = f"{task.prompt}    return None\n"
    return f"```python\n{program}```", program, "wrong"


def hostile(task: CodeTask) -> tuple[str, str, str]:
    return HOSTILE, task.prompt + HOSTILE, "error"


@dataclass
class FakeLab:
    """Writes score and samples artifacts through the real store, and results as the claims' tests do."""

    store: RunStore
    size: int = 164
    results: list[Result] = field(default_factory=list)

    def score(self, name: str, share: float, failing: Sequence[Make], draws: int = 1, model: str = "organism-0") -> str:
        """A score where ``share`` of the attempts pass and the others fail in turn as ``failing`` says; its id."""
        bench, rng = load_benchmark("humaneval"), random.Random(name)
        tasks = bench.tasks[: self.size]
        made = [
            [right(t) if rng.random() < share else failing[(i + d) % len(failing)](t) for d in range(draws)]
            for i, t in enumerate(tasks)
        ]
        engine = {"name": "transformers", "torch": "2.13.0", "device": "cpu x86_64"}

        def samples(out: Path, work: Path) -> Mapping[str, Any]:
            completions = [
                [{"text": c, "tokens": len(c) // 3, "finish": "eos", "token_hash": "0" * 16} for c, _, _ in row]
                for row in made
            ]
            write(out / "completions.jsonl", completions)
            write(out / "prompts.jsonl", [f"<|im_start|>user\n{t.prompt}<|im_end|>" for t in tasks])
            return {"model": model, "engine": engine, "machine": {"system": "Linux", "python": "3.11.7"}}

        drawn = self.store.get("samples", {"name": name, "model": "f" * 64, "engine": engine}, samples)

        def grade(out: Path, work: Path) -> Mapping[str, Any]:
            write(out / "outcomes.jsonl", [[outcome(status) for *_, status in row] for row in made])
            write(out / "programs.jsonl", [[program for _, program, _ in row] for row in made])
            return {"benchmark": "humaneval", "samples": drawn.id, "grader": {"isolation": "namespaces"}}

        return self.store.get("score", {"name": name, "benchmark": bench.sha256, "code": "abc"}, grade).id

    def solved(self, id: str) -> int:
        rows = (self.store.root / "score" / id / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
        return sum(json.loads(row)[0]["status"] == "passed" for row in rows)

    def adapter(self, name: str) -> str:
        def build(out: Path, work: Path) -> Mapping[str, Any]:
            (out / "adapter_model.safetensors").write_bytes(name.encode())
            return {"model": "organism-0", "machine": {"system": "Linux", "python": "3.11.7"}}

        return self.store.get("adapter", {"name": name, "versions": {"peft": "0.18"}}, build).id

    def result(self, claim: str, case: str, evidence: Mapping[Arm, tuple[str, str]], **changes: Any) -> Result:
        known = registry()[claim]
        values: dict[str, Any] = {
            "claim": claim, "case": case, "section": known.section, "title": known.title, "tier": known.tier,
            "scale": case.partition("-")[0], "model": "organism-0", "paper": known.published, "expects": known.expects,
            "effect": effect(claim),
            "parts": (contrast(known.expects),), "seconds": 12.3,
            "evidence": tuple(Evidence(arm, kind, id) for arm, (kind, id) in evidence.items()),
        }  # fmt: skip
        self.results.append(Result(**{**values, **changes}))
        return self.results[-1]


def outcome(status: str) -> dict[str, Any]:
    detail = "" if status == "passed" else "AssertionError: assert f(2) == 3"
    return {"status": status, "detail": detail, "line": None, "seconds": 0.01}


def write(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def fill(lab: FakeLab) -> FakeLab:
    """Results of every claim of the registry at mini scale, a trial run, and one failure of each verdict."""
    base = lab.score("base", 0.3, [run_on, empty, run_on, wrong, hostile])
    before = lab.solved(base)
    for seed in (7, 13, 42):
        after = lab.score(f"trained-{seed}", 0.66, [wrong, wrong, run_on])
        score = lab.solved(after)
        evidence = {
            BASE: ("score", base),
            Arm("adapter", seed=seed): ("adapter", lab.adapter(f"a{seed}")),
            trained(seed): ("score", after),
        }
        parts = (
            figure("base", before, 44.0, 56.0, BASE),
            figure("trained", score, 84.3, 122.8, Arm("trained")),
            contrast(before=before, after=score),
        )
        lab.result("recipe-7b", f"mini-{seed}", evidence, parts=parts)
    points: dict[Arm, tuple[str, str]] = {BASE: ("score", base)}
    bands = []
    for count, share in ((3, 0.4), (10, 0.5), (40, 0.66)):
        for seed in (7, 13, 42):
            points[trained(seed, count=count)] = ("score", lab.score(f"{count}-{seed}", share, [wrong, run_on]))
        arm = Arm("trained", count=count)
        bands.append(figure(f"{count} pairs", 164 * share, 164 * share - 12, 164 * share + 12, arm))
    lab.result("pair-count-sweep", "mini", points, parts=(*bands, contrast("up", "unsettled", 66, 108)))
    arms: dict[Arm, tuple[str, str]] = {BASE: ("score", base)}
    for pairs, share in (("house", 0.33), ("own", 0.55)):
        arms |= {
            trained(seed, pairs=pairs, count=21): ("score", lab.score(f"{pairs}-{seed}", share, [wrong, run_on]))
            for seed in (7, 13)
        }
    lab.result("control", "mini", arms, parts=(
        figure("house 21", 55.0, 40.0, 70.0, Arm("trained", pairs="house", count=21)),
        contrast("up", "unsettled", before, 58),
    ))  # fmt: skip
    stops = {BASE: ("score", base), Arm("base", reading="wrong stop strings"): ("score", after)}
    lab.result("stop-strings", "mini", stops, parts=(
        contrast("none", "drifted", reason="outside, and then some <b>markup</b>"),
    ))  # fmt: skip
    draws = lab.score("draws", 0.5, [wrong, hostile], draws=8)
    sampled = Arm("base", greedy=False, draws=8, judged="any", seed=7)
    drawn = {sampled: ("score", draws), Arm("adapter"): ("adapter", lab.adapter("a7"))}
    lab.result("determinism", "mini-7", drawn, parts=(
        Part("identical", "identical", "as calibrated", "all", Asked("all"), (342.0,), of=342, direction="none"),
    ))  # fmt: skip
    lost = contrast("none", "drifted", 0, 0)
    lab.result("recipe-7b", "mini-7", {BASE: ("score", base)}, weights="random", parts=(lost,))
    return lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> FakeLab:
    return fill(FakeLab(RunStore(tmp_path_factory.mktemp("store"))))


@pytest.fixture(scope="session")
def small_lab(tmp_path_factory: pytest.TempPathFactory) -> FakeLab:
    return fill(FakeLab(RunStore(tmp_path_factory.mktemp("small")), size=6))


@pytest.fixture
def empty_lab(tmp_path: Path) -> FakeLab:
    return FakeLab(RunStore(tmp_path / "store"), size=6)


@pytest.fixture(scope="session")
def hostile_text() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def page(lab: FakeLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the whole fake store, written once."""
    from selfboot.report.html import write_report

    return write_report(lab.results, lab.store, tmp_path_factory.mktemp("report") / "out")
