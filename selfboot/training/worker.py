"""The process that trains what lives on a GPU: its end gives the memory back, allocator, kernels and CUDA context too.

Started by ``selfboot.training.process`` with ``python -P -m selfboot.training.worker FD``; JSON lines over one socket.

    in   {"free": [device, number of GPUs]}
         {"train": {fields of process.Training}, "threads": torch's}
    out  {"free_gb": GB or null}
         {"step": [done, total]} after each step, then {"done": manifest, "peak_gb": GB or null}
         {"error": type, "message": text}

When the parent goes away, however it goes, so does this process: its checkpoints are on disk.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

from selfboot.models.spec import ModelSpec
from selfboot.processes.child import Channel, serve
from selfboot.training.recipe import Example, Recipe


def main(channel: Channel) -> None:
    """Answer until the parent goes away. The base stays in memory between trainings."""
    from selfboot.models.resident import RESIDENT

    RESIDENT.stays = True
    serve(channel, lambda asked: _free(*asked["free"]) if "free" in asked else _train(channel, asked), RESIDENT.drop)


def _free(device: str, gpus: int) -> dict[str, Any]:
    from selfboot.models.load import torch_device
    from selfboot.models.memory import GB
    from selfboot.models.resident import RESIDENT
    from selfboot.training.memory import free_gb

    torch_device(device)  # said here and clearly, if there is none
    if gpus > 1:
        RESIDENT.drop()  # a base over several GPUs does not stay, and needs all of them
    free = free_gb(device, gpus)
    return {"free_gb": None if free is None else free + RESIDENT.held_bytes(device) / GB}


def _train(channel: Channel, message: dict[str, Any]) -> dict[str, Any]:
    import torch

    from selfboot.training.memory import allocated_gb, gpus_of
    from selfboot.training.scripted import trainer

    job = message["train"]
    recipe = Recipe(**{**job["recipe"], "target_modules": tuple(job["recipe"]["target_modules"])})
    used = gpus_of(job["device"], job["gpus"])
    torch.set_num_threads(message["threads"])
    if used:
        torch.cuda.init()  # type: ignore[no-untyped-call]  # before it, there are no figures to reset
    for gpu in used:
        torch.cuda.reset_peak_memory_stats(gpu)
    info = trainer(recipe)(
        ModelSpec(**{**job["spec"], "stop_tokens": tuple(job["spec"]["stop_tokens"])}),
        [Example(**example) for example in job["examples"]],
        recipe,
        job["seed"],
        Path(job["out"]),
        device=job["device"],
        checkpoint_dir=Path(job["checkpoints"]),
        on_step=lambda done, total: channel.send({"step": [done, total]}),
        start_from=Path(job["start_from"]) if job["start_from"] else None,
        gpus=job["gpus"],
    )
    peak = max(allocated_gb(job["device"], job["gpus"]), default=None)
    if used:
        gc.collect()
        torch.cuda.empty_cache()  # the next training finds the GPU as this one found it
    return {"done": info.manifest(), "peak_gb": peak}


if __name__ == "__main__":
    main(Channel(int(sys.argv[1])))
