"""Pre-train an organism from scratch on token shards; one device, minutes.

    python -m selfboot.organism.pretrain --config default --seed 0 --tokens DIR --out DIR

CONFIGS holds the default organism and its family. The folder written loads with AutoModelForCausalLM; ``log.jsonl``
beside it has one line every LOG_EVERY steps. Rows of the context length are cut from the shards and shuffled by the
seed. bf16 with float32 master weights on a GPU, float32 on the CPU. Not covered: bitwise equality between two runs on
a GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOG_EVERY = 20
END_OF_TURN = 2  # id of <|im_end|>


@dataclass(frozen=True)
class Config:
    """Shape and schedule. ``streams`` maps each stream to the part of its rows that is used, in one pass.

    ``start``: the configuration whose finished weights training goes on from (same seed), else a fresh initialisation.
    """

    arch: str = "llama"
    layers: int = 8
    width: int = 256
    heads: int = 8
    kv_heads: int = 2
    ffn: int = 704
    vocab: int = 2048
    context: int = 1024
    batch: int = 64
    lr: float = 2e-3
    warmup: int = 100
    decay: float = 0.1
    streams: tuple[tuple[str, float], ...] = (("bulk", 1.0), ("chat", 1.0))
    start: str = ""
    compiled: bool = True


HALF = (("bulk", 0.5), ("chat", 0.5))
CONFIGS: dict[str, Config] = {
    "default": Config(),
    "tidy": Config(streams=(("bulk", 0.08), ("tidy", 1.0)), start="default", lr=7e-4, warmup=20),
    # Small enough to be trained on one core; on a part of the corpus (make.sh).
    "floor": Config(
        layers=2,
        width=64,
        heads=4,
        kv_heads=2,
        ffn=192,
        context=512,
        batch=16,
        lr=4e-3,
        warmup=50,
        streams=(("bulk", 0.3), ("chat", 0.3)),
        compiled=False,
    ),
    "qwen2": Config("qwen2", layers=6, width=192, heads=6, kv_heads=2, ffn=512, streams=HALF),
    "qwen3": Config("qwen3", layers=6, width=224, heads=7, kv_heads=1, ffn=608, streams=HALF),
    "olmo2": Config("olmo2", layers=6, width=192, heads=6, kv_heads=2, ffn=512, streams=HALF),
    "tiny": Config(layers=1, width=32, heads=2, kv_heads=1, ffn=64, context=64, batch=8, warmup=2, compiled=False),
}


def build(config: Config, seed: int) -> Any:
    """A freshly initialised transformers model."""
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        Olmo2Config,
        Olmo2ForCausalLM,
        Qwen2Config,
        Qwen2ForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    classes: dict[str, tuple[Any, Any]] = {
        "llama": (LlamaConfig, LlamaForCausalLM),
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
        "qwen3": (Qwen3Config, Qwen3ForCausalLM),
        "olmo2": (Olmo2Config, Olmo2ForCausalLM),
    }
    config_class, model_class = classes[config.arch]
    settings = {
        "vocab_size": config.vocab,
        "hidden_size": config.width,
        "intermediate_size": config.ffn,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.width // config.heads,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "attention_dropout": 0.0,
    }
    if config.arch in ("qwen2", "olmo2"):
        settings.pop("head_dim")
    torch.manual_seed(seed)
    return model_class(config_class(**settings))


def load_rows(folder: Path, config: Config, seed: int) -> Any:
    """All token ids (uint16) and the shuffled starts of the rows; a row has context + 1 tokens."""
    import numpy as np

    draws = np.random.default_rng(seed)
    tokens, starts, offset = [], [], 0
    for stream, share in config.streams:
        files = sorted(folder.glob(f"{stream}-*.bin"))
        if not files:
            raise FileNotFoundError(
                f"no {stream} shards in {folder}: write them with python -m selfboot.organism.corpus --tokens"
            )
        part = np.concatenate([np.fromfile(p, dtype="<u2") for p in files])
        count = (len(part) - 1) // config.context
        starts.append(offset + draws.permutation(count)[: int(count * share)] * config.context)
        tokens.append(part)
        offset += len(part)
    return np.concatenate(tokens), draws.permutation(np.concatenate(starts))


def learning_rate(step: int, steps: int, config: Config) -> float:
    """Linear warm-up, then cosine to zero."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - config.warmup) / max(steps - config.warmup, 1)))


def optimizer_for(model: Any, config: Config, device: str) -> Any:
    import torch

    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": config.decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.95), fused=device == "cuda")


def wait_for(path: Path, seconds: float = 600) -> None:
    """Block until ``path`` exists."""
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{path} did not appear within {seconds:.0f} s")
        time.sleep(0.2)


def train(
    config: Config,
    seed: int,
    tokens: Path,
    out: Path,
    *,
    max_steps: int = 0,
    start: Path | None = None,
    wait: bool = False,
) -> dict[str, Any]:
    """Train and save; returns the last log line with the totals.

    ``start``: weights to go on from. ``wait``: compile on random tokens first, then wait for the corpus's manifest.
    """
    import numpy as np
    import torch
    from torch.nn import functional

    started = time.perf_counter()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    model = build(config, seed)
    if start is not None:
        from transformers import AutoModelForCausalLM

        model.load_state_dict(AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32).state_dict())
    model = model.to(device)
    optimizer = optimizer_for(model, config, device)

    def loss_of(ids: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            logits = model.lm_head(hidden)
        return functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())

    step_loss = torch.compile(loss_of, dynamic=False) if config.compiled and device == "cuda" else loss_of
    if wait:
        step_loss(torch.randint(0, config.vocab, (config.batch, config.context + 1), device=device)).backward()  # type: ignore[no-untyped-call]
        optimizer.zero_grad(set_to_none=True)
        wait_for(tokens / "manifest.json")
    data, starts = load_rows(tokens, config, seed)
    steps = len(starts) // config.batch
    steps = min(steps, max_steps) if max_steps else steps
    out.mkdir(parents=True, exist_ok=True)
    log = (out / "log.jsonl").open("w")
    offsets = np.arange(config.context + 1)
    running, record = torch.zeros((), device=device), dict[str, Any]()
    ready = time.perf_counter()
    for step in range(steps):
        rows = starts[step * config.batch : (step + 1) * config.batch, None] + offsets
        ids = torch.from_numpy(data[rows].astype(np.int64)).to(device, non_blocking=True)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, config)
        loss = step_loss(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running += loss.detach()
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            count = LOG_EVERY if (step + 1) % LOG_EVERY == 0 else (step + 1) % LOG_EVERY
            seen = (step + 1) * config.batch * config.context
            record = {
                "step": step + 1,
                "loss": round(running.item() / count, 4),
                "tokens": seen,
                "seconds": round(time.perf_counter() - ready, 2),
            }
            log.write(json.dumps(record) + "\n")
            log.flush()
            running.zero_()
    record |= {
        "steps": steps,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_seconds": round(time.perf_counter() - ready, 1),
        "total_seconds": round(time.perf_counter() - started, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "config": asdict(config),
    }
    log.write(json.dumps(record) + "\n")
    log.close()
    save(model, out)
    return record


def save(model: Any, out: Path) -> None:
    """bf16 safetensors with the generation settings: a turn ends at <|im_end|> or <|endoftext|>."""
    import torch
    from transformers import GenerationConfig

    model = model.to("cpu", torch.bfloat16)  # save_pretrained writes this type into config.json
    model.generation_config = GenerationConfig(
        bos_token_id=0, eos_token_id=[0, END_OF_TURN], pad_token_id=0, do_sample=False
    )
    model.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from (configurations with a start)")
    parser.add_argument("--wait", action="store_true", help="compile first, then wait for the corpus")
    parser.add_argument("--max-steps", type=int, default=0)
    args = parser.parse_args()
    config = CONFIGS[args.config]
    if bool(config.start) != bool(args.start):
        parser.error(f"--config {args.config} {'needs --start' if config.start else 'takes no --start'}")
    print(
        json.dumps(
            train(config, args.seed, args.tokens, args.out, max_steps=args.max_steps, start=args.start, wait=args.wait)
        )
    )


if __name__ == "__main__":
    main()
