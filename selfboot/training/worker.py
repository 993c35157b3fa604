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
import json
import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from selfboot.models.spec import ModelSpec
from selfboot.training.recipe import Example, Recipe


class Channel:
    """Our end of the socket. A thread reads, so that the parent's end is noticed in the middle of a training too."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.socket = socket.socket(fileno=descriptor)
        self.incoming: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self.socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self.incoming.put(json.loads(line))
        os._exit(0)

    def send(self, message: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


def serve(channel: Channel) -> None:
    """Answer one request after the other, until the parent goes away. The base stays in memory between trainings."""
    from selfboot.models.resident import RESIDENT

    RESIDENT.stays = True
    while True:
        message = channel.incoming.get()
        try:
            channel.send(_free(*message["free"]) if "free" in message else _train(channel, message))
        except Exception as error:  # whatever it is, the parent says it in one line and ends this process
            RESIDENT.drop()  # whatever state it was left in
            channel.send({"error": type(error).__name__, "message": " ".join(str(error).split())})


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
    serve(Channel(int(sys.argv[1])))
