"""The process that holds transformers' samplers of models on a GPU; its end gives the memory back.

Started by ``selfboot.sampling.process`` with ``python -P -m selfboot.sampling.worker FD``; JSON lines over one socket.

    in   {"sampler": {fields of held.Wanted}, "threads": torch's}                              what is its description?
         {"sampler": …, "threads": …, "draw": {"prompts": [...], "sampling": {…}, "seeds": [...]}}
    out  {"done": prompts} as they are drawn
         {"engine": {description}}, with "drawn": [[{fields of Completion}, …], …] where something was to be drawn
         {"error": type, "message": text}
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from selfboot.models.spec import ModelSpec
from selfboot.processes.child import Channel, serve
from selfboot.records import Sampling
from selfboot.sampling.held import Held, Wanted


def main(channel: Channel) -> None:
    """Answer until the parent goes away."""
    held = Held()
    serve(channel, lambda asked: _answer(channel, held, asked), held.drop)


def _answer(channel: Channel, held: Held, asked: dict[str, Any]) -> dict[str, Any]:
    import torch

    from selfboot.models.load import load_tokenizer

    torch.set_num_threads(asked["threads"])
    wanted = wanted_of(asked["sampler"])
    sampler = held.sampler(wanted, lambda: load_tokenizer(wanted.spec))
    if "draw" not in asked:
        return {"engine": sampler.engine}
    prompts, seeds = asked["draw"]["prompts"], asked["draw"]["seeds"]
    sampling = Sampling(**{**asked["draw"]["sampling"], "stop": tuple(asked["draw"]["sampling"]["stop"])})
    rows = sampler.generate(prompts, sampling, seeds, lambda done: channel.send({"done": done}))
    return {"engine": sampler.engine, "drawn": [[asdict(one) for one in row] for row in rows]}


def wanted_of(given: dict[str, Any]) -> Wanted:
    """From JSON what ``asdict`` made of it."""
    spec = ModelSpec(**{**given["spec"], "stop_tokens": tuple(given["spec"]["stop_tokens"])})
    folder, sha256 = given["adapter"] or ("", "")
    adapter = (Path(folder), sha256) if given["adapter"] else None
    return Wanted(**{**given, "spec": spec, "stop_ids": tuple(given["stop_ids"]), "adapter": adapter})


if __name__ == "__main__":
    main(Channel(int(sys.argv[1])))
