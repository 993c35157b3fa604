"""A pytest plugin: the whole paper scale on a CPU, with real tokenizers, templates, texts and data, on tiny models.

    export SELFBOOT_SHARED=… SELFBOOT_TOKENIZERS=…
    pytest claims --scale paper --weights random --tokens 2 -p tests.core.tiny_paper

Every model of the paper is a random-init decoder of its own architecture, one layer and 64 units wide, with the real
tokenizer of its family (OLMo-2's is not to be had: Llama's, which has no template either). Of every benchmark
``TASKS`` tasks are asked, those with the shortest tests, over and over up to its size, since bands are in tasks; equal
programs are graded once. Of a set to mine from the first ``SEEDS`` are asked, of a pair file the first ``PAIRS`` are
trained on, and no completion is longer than ``--tokens``, in mining neither. Data sets that SELFBOOT_SHARED lacks are
stood in for by rows of the same form (``STAND_INS``); BigCodeBench's libraries are not asked for. All else is the
suite's own.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfboot.benchmarks import base
from selfboot.datasets.pinned import DATA_ENV, Row, source
from selfboot.engines.engines import Engines
from selfboot.grading.code import CodeGrader
from selfboot.lab import lab as lab_module
from selfboot.models.shape import Shape, random_init_spec
from selfboot.paper.texts import TEXTS_ENV
from selfboot.planning import availability
from selfboot.records import CodeJob
from selfboot.registry import ModelEntry, model_entry
from selfboot.sampling.short import ShortSampler

TASKS, SEEDS, PAIRS = 4, 6, 4
FAMILIES = {
    "qwen2.5": "qwen2.5-base", "qwen3": "qwen3-base", "llama-3.2": "llama-3.2-base", "olmo2": "llama-3.2-base",
}  # fmt: skip
SHARED, TOKENIZERS = "SELFBOOT_SHARED", "SELFBOOT_TOKENIZERS"
DATA = {
    "gsm8k_test.jsonl": "datasets", "gsm8k_train.jsonl": "datasets", "math500.jsonl": "datasets",
    "sanitized-mbpp.json": "datasets", "bigcodebench_hard.jsonl": "real", "pairs_7b_40.jsonl": "real/released",
    "pairs_14b_multi_new60.jsonl": "real/released", "pairs_math_13.jsonl": "real/released",
}  # fmt: skip


def _mbpp(number: int) -> Row:
    text, code = "Write a function that adds a number.", f"def add_{number}(x):\n    return x + {number}"
    return {
        "task_id": 601 + number,
        "text": text,
        "code": code,
        "test_list": [f"assert add_{number}(1) == {number + 1}"],
    }


def _math(number: int) -> Row:
    solution = rf"The sum is $\boxed{{{number + 1}}}$."
    return {"problem": f"What is $1 + {number}$?", "level": "Level 1", "type": "Algebra", "solution": solution}


def _aime(number: int) -> Row:
    return {"id": number, "problem": f"Find {number}.", "solution": "", "answer": str(number), "url": ""}


STAND_INS: dict[str, Callable[[int], Row]] = {"mbpp-full-train": _mbpp, "math-train": _math, "aime": _aime}


def pytest_configure(config: pytest.Config) -> None:
    for name in (SHARED, TOKENIZERS):
        if not os.environ.get(name):
            raise pytest.UsageError(f"tests.core.tiny_paper: {name} is not set")
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    shrink(patch, Path(tempfile.mkdtemp(prefix="selfboot-tiny-")), config.getoption("--tokens") or 4)
    if config.getoption("--engine") == "vllm":  # as on a GPU: an engine ends for a training, which is a process too
        patch.setattr(Engines, "trains_apart", lambda self, entry: True)


def shrink(patch: pytest.MonkeyPatch, folder: Path, tokens: int) -> None:
    """Put tiny models, few tasks, short completions and the data in ``folder`` in the place of the paper's."""
    patch.setenv(DATA_ENV, str(_data(folder / "data")))
    patch.setenv(TEXTS_ENV, str(Path(os.environ[SHARED]) / "real/released/prompts.json"))
    patch.setattr(lab_module, "find_model", lambda name: tiny(name, folder / "models"))
    patch.setattr(availability, "missing_memory", lambda settings, gpus: None)
    patch.setattr(availability, "_no_libraries", lambda benchmarks: None)
    load_any, sampler, pairs = functools.cache(base.load_any), Engines.sampler, lab_module.Lab.pairs
    for module in (base, lab_module):
        patch.setattr(module, "load_any", lambda name: _few(load_any(name)))
    patch.setattr(Engines, "sampler", lambda self, ref, place=0: ShortSampler(sampler(self, ref, place), tokens))
    for name in ("grade", "grade_unittests", "calibrate"):
        patch.setattr(CodeGrader, name, _once(getattr(CodeGrader, name)))
    patch.setattr(lab_module.Lab, "pairs", lambda self, model, name: pairs(self, model, name)[:PAIRS])


def _few(found: Any) -> Any:
    if "train" in found.name and found.asked != "mbpp-full-train":  # recursive mining wants its seeds by the hundred
        return replace(found, tasks=found.tasks[:SEEDS])
    light = sorted(found.tasks, key=lambda task: len("".join(getattr(task, "tests", ()))))[:TASKS]
    return replace(found, tasks=tuple(itertools.islice(itertools.cycle(light), len(found.tasks))))


def _once(grade: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The same verdicts or time limits, of equal jobs found once."""

    def graded(self: CodeGrader, jobs: Sequence[CodeJob], *_: Any, **settings: Any) -> list[Any]:
        known = list(dict.fromkeys(jobs))
        found = dict(zip(known, grade(self, known, **settings), strict=True))
        return [found[job] for job in jobs]

    return graded


def _data(folder: Path) -> Path:
    """The data sets that SELFBOOT_SHARED holds, by the names that they are fetched under."""
    folder.mkdir(parents=True)
    shared = Path(os.environ[SHARED])
    for name, place in DATA.items():
        (folder / name).symlink_to(shared / place / name)
    packed = shared / "real/HumanEvalPlus-OriginFmt.jsonl.gz"
    (folder / "humaneval_plus.jsonl").write_bytes(gzip.decompress(packed.read_bytes()))
    for name, row in STAND_INS.items():
        rows = [json.dumps(row(number)) + "\n" for number in range(source(name).rows)]
        (folder / source(name).file).write_text("".join(rows), encoding="utf-8")
    return folder


@functools.cache
def tiny(name: str, folder: Path) -> ModelEntry:
    """The registry's model of this name, tiny and on a CPU; our own mini models as they are."""
    entry = model_entry(name)
    if entry.shape is None or not entry.gpu_gb:
        return entry
    tokenizer = next(
        (Path(os.environ[TOKENIZERS]) / real for at, real in FAMILIES.items() if name.startswith(at)), None
    )
    home = str(tokenizer) if tokenizer else model_entry("organism-0").tokenizer
    vocab = 152_064 if tokenizer else 4096
    shape = Shape(entry.shape.architecture, 1, 64, heads=2, kv_heads=1, ffn=32, vocab=vocab, context=8192, tied=True)
    made = random_init_spec(name, shape, home, entry.stop_tokens, folder)
    stops = entry.stop_tokens if tokenizer else model_entry("organism-0").stop_tokens
    template = entry.chat_template if tokenizer else ""
    return replace(
        entry, source=made.source, tokenizer=home, revision="", shape=shape, gpu_gb=0.0, tensor_parallel=1,
        stop_tokens=stops, chat_template=template, quantization="", sha256="",
    )  # fmt: skip
