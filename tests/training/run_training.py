"""One training in a process of its own, for the kill tests.

python -m tests.training.run_training MODEL_FOLDER OUT CHECKPOINTS
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from selfboot.models import ModelSpec
from selfboot.training import Example, Recipe
from selfboot.training.lora import train_adapter
from tests.tiny_models import TEXT

RECIPE = Recipe(rank=4, lr=1e-2, epochs=10, batch_size=2, accumulation=1)
EXAMPLES = [Example(f"# task {n}\n{TEXT[n % 6]}", TEXT[(n + 1) % 6] * (1 + n % 3)) for n in range(12)]


def main(model: str, out: str, checkpoints: str) -> None:
    torch.set_num_threads(1)
    print("ready", flush=True)

    def on_step(done: int, total: int) -> None:
        print(f"{done}/{total}", flush=True)

    info = train_adapter(
        ModelSpec("tiny", model),
        EXAMPLES,
        RECIPE,
        seed=7,
        out=Path(out),
        checkpoint_dir=Path(checkpoints),
        on_step=on_step,
        checkpoint_every=3,
    )
    print(f"resumed {info.resumed} sha256 {info.sha256}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
