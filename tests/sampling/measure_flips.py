"""How often does anything but the prompt decide a completion? Counts completions with other tokens (analysis/bands.py).

    python tests/sampling/measure_flips.py [--device cuda] [--dtype bfloat16] [--rows 8 32 64 164] [--threads 1 2]
                                           [--save hashes.json] [--against hashes.json]

The mini model on MiniEval's 164 tasks, chat format: greedy, and T=0.8 with two samples a task. Compared: batch sizes,
a fifth of the tasks alone with all together, threads (each count in turn), and a file of another machine or device.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from workload import chat_prompts, organism_sampler

from selfboot.records import Sampling
from selfboot.sampling.transformers import TransformersSampler

MODES = {"greedy": Sampling(), "T=0.8": Sampling(temperature=0.8, n=2)}


def hashes(
    sampler: TransformersSampler, prompts: list[str], sampling: Sampling, first: int = 0, by: int = 1
) -> list[str]:
    chosen = list(range(first, len(prompts), by))
    started = time.perf_counter()
    rows = sampler.generate([prompts[at] for at in chosen], sampling, chosen)
    seconds = time.perf_counter() - started
    print(
        f"    rows {sampler.rows}: {sampler.stats.tokens} tokens, {sampler.stats.tokens / seconds:.0f} tokens/s",
        flush=True,
    )
    return [completion.token_hash for row in rows for completion in row]


def compare(name: str, one: list[str], other: list[str]) -> None:
    print(f"  {name}: {sum(a != b for a, b in zip(one, other, strict=True))} of {len(one)} differ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--rows", type=int, nargs="+", default=[8, 32, 64, 164])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    dtype = getattr(torch, args.dtype) if args.dtype else None
    found: dict[str, list[str]] = {}
    for mode, sampling in MODES.items():
        print(mode)
        for threads in args.threads:
            torch.set_num_threads(threads)
            sampler = organism_sampler(args.device, dtype, rows=args.rows[-1])
            prompts = chat_prompts(sampler.tokenizer)
            all_ = hashes(sampler, prompts, sampling)
            for rows in args.rows[:-1]:
                sampler.rows = rows
                compare(f"rows {rows} | {args.rows[-1]}", hashes(sampler, prompts, sampling), all_)
            some = [h for at in range(0, len(prompts), 5) for h in all_[at * sampling.n : (at + 1) * sampling.n]]
            compare("a fifth of the tasks alone | all", hashes(sampler, prompts, sampling, 0, 5), some)
            compare(f"threads {threads} | {args.threads[0]}", all_, found.setdefault(mode, all_))
    if args.against:
        other = json.loads(args.against.read_text())
        for mode, own in found.items():
            compare(f"{mode}: here | {args.against.name}", own, other[mode])
    if args.save:
        args.save.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
