"""The miner of a released script, by its file: ``script_miner("recipe/bootstrap.py")``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_any
from selfboot.errors import DataError
from selfboot.mining.base import Miner
from selfboot.paper.protocols import MiningFacts, script

MINERS = {
    "recipe/bootstrap.py": "scripts_code.InventedPairs",
    "recipe/bootstrap_14b_4bit_harvest.py": "scripts_code.InventedPairs",
    "recipe/multi_pair_14b.py": "scripts_code.InventedPairs",
    "recipe/curriculum_code.py": "scripts_code.CurriculumByFacts",
    "experiments/mbpp_seeded_cross_arch.py": "scripts_code.SeededByFacts",
    "experiments/recursive_bootstrap.py": "scripts_code.SeededByFacts",
    "experiments/recipe_x_tts_synergy.py": "scripts_code.SeededByFacts",
    "experiments/diversity_cued_mining.py": "scripts_code.SeededByFacts",
    "experiments/cross_domain_code_to_math.py": "scripts_code.SeededByFacts",
    "recipe/math_bootstrap.py": "scripts_answers.WordProblems",
    "recipe/curriculum_math.py": "scripts_answers.WordCurriculum",
    "experiments/star_baseline_gsm8k.py": "scripts_answers.SeededAnswers",
    "experiments/math500_seeded_mining.py": "scripts_answers.SeededAnswers",
    "experiments/self_correction_math_naive.py": "scripts_answers.Traces",
    "experiments/self_correction_math_fixed.py": "scripts_answers.Positives",
}
NAIVE, MIXED = "experiments/self_correction_math_naive.py", "experiments/self_correction_math_fixed.py"


def script_miner(
    file: str, seeds: Any = None, load: Callable[[str], Benchmark | AnswerBenchmark] = load_any, **changes: Any
) -> Miner:
    """The miner that does what a script does. ``changes`` replace facts of the script; ``seeds`` its benchmark, which
    ``load`` finds otherwise.

    The mixed self-correction reads the naive run's traces from a file: ``traces=…`` gives them, else that run is mined
    first. Raises DataError for a script that mines nothing here (the control's pairs are made without a model:
    mining/corruption.py), UnavailableError without its seeds.
    """
    found = script(file)
    if file not in MINERS or found.mining is None:
        raise DataError(f"{file} mines nothing that can be run here; it is one of: {', '.join(MINERS)}")
    more: dict[str, Any] = {"traces": tuple(changes.pop("traces"))} if "traces" in changes else {}
    facts: MiningFacts = replace(found.mining, **changes)
    module, _, name = MINERS[file].partition(".")
    kind = getattr(importlib.import_module(f"selfboot.mining.{module}"), name)
    if facts.source != "invented":
        more["seeds"] = load(facts.source) if seeds is None else seeds
    if file == MIXED and "traces" not in more:
        more["naive"] = script_miner(NAIVE, more["seeds"])
    miner: Miner = kind(facts, found.training, facts.target or None, f"script {file}", **more)
    return miner
