"""Reference trajectories: the loss and the gradient norm of each step of a training, recorded and compared.

    selfboot calibrate --trajectories        # record them again, after a change on purpose

If a new release of torch, transformers or peft trains differently, the mean residual is meant to show it before a score
does. The steps are watched as those of `run --smoke` are (training/trajectory.py).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from selfboot.errors import DataError, UnavailableError
from selfboot.formats.examples import training_example
from selfboot.lab import Lab, machine
from selfboot.models.chat import chat_of
from selfboot.models.load import load_tokenizer
from selfboot.models.shape import Shape, random_init_spec
from selfboot.models.spec import ModelSpec
from selfboot.paths import MEASURED
from selfboot.registry import model_entry, recipes
from selfboot.store import RunStore, write_atomic
from selfboot.training.trajectory import Job, watched

FOLDER = MEASURED / "trajectories"
STEPS, SEED, MODEL = 20, 1000, "organism-0"
TOKENIZERS_ENV = "SELFBOOT_TOKENIZERS"  # a folder of real tokenizers, which no checkout has
TINY = Shape("qwen2", 1, 32, heads=2, kv_heads=1, ffn=32, vocab=152_064, context=4096, tied=True)
RECORDED = {  # by the file's name: the recipe, its pairs, and the real tokenizer of a tiny random model
    "mini": ("mini", "self-mined", ""),
    "mini-rank32": ("mini-rank32", "self-mined-100", ""),
    "paper-rank16": ("paper-rank16", "self-mined-100", "qwen2.5-base"),
}


@dataclass(frozen=True)
class Trajectory:
    """The first steps of a training. ``losses``: nats a target token; ``norms``: of all gradients, before clipping."""

    losses: tuple[float, ...]
    norms: tuple[float, ...]
    made: dict[str, Any] = field(default_factory=dict, compare=False)

    def residual(self, other: Trajectory) -> tuple[float, float]:
        """Mean distance to another one over the steps that both have: of losses in nats, of norms as a share."""
        steps = min(len(self.losses), len(other.losses))
        losses, norms = (
            np.array([getattr(one, name)[:steps] for one in (self, other)]) for name in ("losses", "norms")
        )
        return float(np.abs(losses[0] - losses[1]).mean()), float((np.abs(norms[0] - norms[1]) / norms[1]).mean())


def measure(name: str, steps: int = STEPS) -> Trajectory:
    """The first ``steps`` steps of a recorded training, run on this machine. UnavailableError without its tokenizer."""
    from selfboot.training.recipe import Recipe

    recipe, pairs, tokenizer = RECORDED[name]
    settings = dict(recipes()[recipe])
    with tempfile.TemporaryDirectory() as made, Lab(RunStore(Path(made) / "store")) as lab:
        spec = _tiny(tokenizer, Path(made)) if tokenizer else lab.spec(MODEL)
        known = load_tokenizer(spec)
        form, chat = settings.pop("pair_format"), chat_of(spec.name, known, spec.chat_template)
        examples = [training_example(pair, form, chat, known.eos_token) for pair in lab.pairs(MODEL, pairs)]
        found = watched(Job(spec, tuple(examples), Recipe(**settings), SEED, steps=steps))
    if len(found) < steps:
        raise DataError(f"{name}: {steps} steps are more than this training has; ask for fewer")
    return Trajectory(tuple(one.loss for one in found), tuple(one.norm for one in found), _made(name))


def _tiny(tokenizer: str, folder: Path) -> ModelSpec:
    """A tiny random model with a real tokenizer."""
    home = Path(os.environ.get(TOKENIZERS_ENV, "")) / tokenizer
    if not os.environ.get(TOKENIZERS_ENV) or not home.is_dir():
        raise UnavailableError(f"tokenizer {tokenizer}: set {TOKENIZERS_ENV} to a folder that has it")
    return random_init_spec("tiny", TINY, str(home), model_entry("qwen2.5-7b").stop_tokens, folder)


def _made(name: str) -> dict[str, Any]:
    versions = {package: version(package) for package in ("torch", "transformers", "peft")}
    about = {"recipe": RECORDED[name][0], "pairs": RECORDED[name][1], "seed": SEED, "tokenizer": RECORDED[name][2]}
    return {**about, "versions": versions, "machine": machine(), "date": time.strftime("%Y-%m-%d")}


def record(name: str) -> Path:
    """Measure a trajectory and keep it."""
    found = asdict(measure(name))
    path = FOLDER / f"{name}.json"
    write_atomic(path, json.dumps(found, indent=1) + "\n")
    return path


def recorded(name: str) -> Trajectory:
    """The trajectory that the checkout holds."""
    table = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Trajectory(tuple(table["losses"]), tuple(table["norms"]), table["made"])
