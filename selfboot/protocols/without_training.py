"""How much of the lift costs no training? The same base model, only asked or read in another way.

No claim of the paper has this control. It belongs beside every lift: whatever a few solved tasks in the prompt or a
tolerant reading bring is no skill that the training gave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError
from selfboot.formats import CodeFormat, code_format
from selfboot.formats.few_shot import FewShot
from selfboot.formats.tolerant import Forgiving
from selfboot.lab import Score
from selfboot.protocols.arms import Asking, asking
from selfboot.protocols.base import Arm, Notes, Run
from selfboot.protocols.lab_like import LabLike
from selfboot.records import CodeTask, Sampling
from selfboot.registry import Settings

TOLERANT, RAW = "tolerant", "raw, tolerant"


@dataclass(frozen=True)
class _Way:
    """How the base model is asked and read, and what is said of it."""

    arm: Arm
    form: str | CodeFormat
    how: Asking


def score_without_training(lab: LabLike, settings: Settings, seed: int, *, shots: str) -> Run:
    """``base`` as the claim's arm asks and reads; ``few-shot`` with the solved tasks of the benchmark ``shots`` before
    each question; the very same answers of both read tolerantly; and ``raw, tolerant``, the prompt completed as plain
    text. All greedy, of one model that nothing has trained."""
    notes = Notes(seed)
    for name, way in _ways(lab, settings, shots).items():
        notes.score(name, way.arm, _score(lab, settings, way))
    return notes.run()


def _ways(lab: LabLike, settings: Settings, shots: str) -> dict[str, _Way]:
    """What is compared, by the name of its figure. A reading of ours is judged by our grader, with its own time-out."""
    bench = lab.benchmark(settings.benchmark)
    how = asking(settings, bench, "base", None)
    ours = replace(how, timeout_s=0.0)
    asked = code_format(how.format)
    shown = FewShot(asked, _solved(lab, shots))
    few = Arm("base", shots=len(shown.shots))
    return {
        "base": _Way(Arm("base"), how.format, how),
        "base, tolerant": _Way(Arm("base", reading=TOLERANT), Forgiving(asked), ours),
        "few-shot": _Way(few, shown, how),
        "few-shot, tolerant": _Way(replace(few, reading=TOLERANT), Forgiving(shown), ours),
        "raw, tolerant": _Way(Arm("base", reading=RAW), "raw-tolerant", Asking("", Sampling(bench.tokens))),
    }


def _solved(lab: LabLike, shots: str) -> tuple[CodeTask, ...]:
    """The tasks to show. DataError for a benchmark whose tasks have no program as their solution."""
    bench = lab.benchmark(shots)
    if not isinstance(bench, Benchmark):
        raise DataError(f"shots {shots!r}: a benchmark of answers; name one of functions")
    return bench.tasks


def _score(lab: LabLike, settings: Settings, way: _Way) -> Score:
    drawn = way.how.sampling
    return lab.evaluate(
        settings.model, settings.benchmark, format=way.form, sampling=drawn, timeout_s=way.how.timeout_s
    )
