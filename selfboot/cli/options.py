"""Options that pytest and several commands share: each is declared once, so it means the same everywhere."""

from __future__ import annotations

import argparse
import math
import re
from contextlib import suppress
from typing import Any

from selfboot.grading.kernel import LEVELS


def positive(text: str) -> int:
    """A whole number above 0, as an option's type."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def seed_number(text: str) -> int:
    """What every library takes as a seed, as an option's type: a whole number from 0 to 2³² - 1."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 0 to {2**32 - 1}")
    return int(text)


def temperature(text: str) -> float:
    """A temperature of sampling, as an option's type: 0 (greedy), or a number above it."""
    with suppress(ValueError):
        if 0 <= (found := float(text)) < math.inf:
            return found
    raise argparse.ArgumentTypeError(f"{text!r}: expected 0 (greedy) or a number above 0, such as 0.8")


def device(text: str) -> str:
    """Where transformers runs a model, as an option's type."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected cpu, cuda or cuda:N")
    return text


SHARED: dict[str, dict[str, Any]] = {
    "scale": {
        "choices": ["mini", "paper", "auto"],
        "default": "auto",
        "help": "mini: the mini model on a CPU; paper: the paper's models on GPUs; auto: both, where they can run",
    },
    "weights": {
        "choices": ["trained", "random"],
        "default": "trained",
        "help": "random: the same models with random weights; a claim must then drift, or not be reproduced",
    },
    "tokens": {
        "type": positive,
        "default": None,
        "metavar": "N",
        "help": "with random weights, a substitute model or --scale small: cut every completion at N tokens",
    },
    "organism": {"choices": ["0", "1", "2"], "default": "0", "help": "which mini model, by its pre-training seed"},
    "isolation": {
        "choices": ["auto", *LEVELS],
        "default": "auto",
        "help": "how strictly model-written programs are isolated (selfboot grade --help)",
    },
    "engine": {
        "choices": ["auto", "transformers", "vllm"],
        "default": "auto",
        "help": "what draws completions; auto: vLLM on a GPU, where an interpreter has it (our mini models: always"
        " transformers)",
    },
    "batch-invariant": {
        "action": "store_true",
        "help": "vLLM's batch-invariant mode: the same tokens whatever else is in the batch (vLLM 0.12 or later, on"
        " a GPU; it draws 20 to 47 %% fewer tokens a second: data/measured/gpu/README.md)",
    },
    "seeds": {
        "default": "",
        "metavar": "N|power",
        "help": "at the paper's scale: judge each claim over N seeds together, or over as many as give 80 %% power",
    },
    "measure-flips": {
        "action": "store_true",
        "help": "at the paper's scale: score each base model at a second batch size too, and set the band of its score"
        " by how many tasks that changes on this machine, instead of by 18 of 164 (data/measured/gpu/README.md)",
    },
    "part": {
        "default": "1/1",
        "metavar": "K/N",
        "help": "with --scale small: only the K-th of N parts of every benchmark's tasks, such as 1/4",
    },
    "chat-template": {
        "default": "",
        "metavar": "NAME",
        "help": "with --scale small: instead of the model's own: a .jinja file, or a name of data/templates (default: "
        "plain where the model has none)",
    },
    "device": {"type": device, "default": "cpu", "help": "where transformers runs a model: cpu or cuda"},
}


def add_shared(parser: argparse.ArgumentParser, *names: str, **defaults: str) -> None:
    """Add shared options to a command; ``defaults``: where a command's own is another."""
    for name in names:
        parser.add_argument(f"--{name}", **SHARED[name] | ({"default": defaults[name]} if name in defaults else {}))
