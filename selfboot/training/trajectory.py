"""The first steps of a training as figures: each step's loss, and the norm of its gradient before it is clipped.

    python -m selfboot.training.trajectory < job.json

Two machines that train alike have the same trajectory, but for what their arithmetic rounds. So a recorded one shows in
seconds whether model, examples, recipe and random numbers are the right ones. Nothing is written. The command takes the
fields of ``Job`` and prints the steps, both as JSON: what lives on a GPU runs in a process of its own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from selfboot.errors import UnavailableError
from selfboot.models.spec import ModelSpec
from selfboot.paths import ROOT
from selfboot.training.process import ENVIRONMENT
from selfboot.training.recipe import Example, Recipe


@dataclass(frozen=True)
class Job:
    """A training of which the first ``steps`` are watched."""

    spec: ModelSpec
    examples: tuple[Example, ...]
    recipe: Recipe
    seed: int
    device: str = "cpu"
    steps: int = 4
    gpus: int = 1


@dataclass(frozen=True)
class Step:
    """One optimiser step: mean loss of its target tokens, norm of the adapter's gradient."""

    loss: float
    norm: float


def watched(job: Job) -> list[Step]:
    """The first steps, in this process. Raises what ``lora.train_adapter`` raises."""
    import torch

    from selfboot.models.load import load_model, load_tokenizer, torch_device
    from selfboot.training import lora, scripted

    where, how = torch_device(job.device), scripted if job.recipe.scripted else lora
    kind = scripted._Scripted if job.recipe.scripted else lora._Training
    encoded: Any = how.encode(load_tokenizer(job.spec), job.examples, job.recipe)
    base = load_model(job.spec, where, merge=False, gpus=job.gpus)
    norms: list[float] = []
    with lora._reproducible(job.seed, where, job.gpus):
        model = lora._with_adapter(job.spec, base, job.recipe, None)
        run = kind(model, encoded, replace(job.recipe, clip=0.0), job.seed)  # clipped below, as it would be

        def clip(*_: Any) -> None:
            found = torch.nn.utils.clip_grad_norm_(run.trained.values(), job.recipe.clip or math.inf)
            norms.append(float(found))

        run.optimizer.register_step_pre_hook(clip)
        run.model.train()
        plan = run.plan[: job.steps]
        losses = [run._one(batch, run.recipe.rate(at, len(run.plan))) for at, batch in enumerate(plan)]
    return [Step(loss, norm) for loss, norm in zip(losses, norms, strict=True)]


def apart(job: Job) -> list[Step]:
    """The same in a process of its own, whose end gives a GPU's memory back. UnavailableError with its last words."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "selfboot.training.trajectory"],
        input=json.dumps(asdict(job), default=str),
        env={**ENVIRONMENT, **os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().split("\n")[-1][:300]
        raise UnavailableError(f"the first steps of a training of {job.spec.name!r}: {last}")
    return [Step(**step) for step in json.loads(done.stdout.strip().split("\n")[-1])]


def parsed(fields: dict[str, Any]) -> Job:
    """A job from its fields."""
    spec, recipe = fields["spec"], fields["recipe"]
    return Job(
        **{
            **fields,
            "spec": ModelSpec(**{**spec, "stop_tokens": tuple(spec["stop_tokens"])}),
            "examples": tuple(Example(**one) for one in fields["examples"]),
            "recipe": Recipe(**{**recipe, "target_modules": tuple(recipe["target_modules"])}),
        }
    )


def differs(found: Sequence[Step], known: Sequence[Step], within: float) -> str:
    """Where two trajectories are further apart than a share ``within`` of the known figure; "" where they are not."""
    for at, (one, other) in enumerate(zip(found, known, strict=True), 1):
        for name in ("loss", "norm"):
            ours, theirs = getattr(one, name), getattr(other, name)
            if not math.isclose(ours, theirs, rel_tol=within):
                return f"step {at}: {name} {ours:.6g}, recorded {theirs:.6g}"
    return ""


if __name__ == "__main__":
    print(json.dumps([asdict(step) for step in watched(parsed(json.load(sys.stdin)))]))
