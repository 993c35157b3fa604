"""Tiny random models with a tiny tokenizer, made in a moment: for tests and trial runs, worth nothing as models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

TEXT = [
    "def add(a, b):\n    return a + b\n",
    "class Stack:\n    def __init__(self):\n        self.items = []\n",
    "for number in range(10):\n    print(number)\n",
    "assert add(2, 3) == 5\n",
    "```python\ndef double(x):\n    return 2 * x\n```\n",
    "How many apples are left? The answer is 42.\n",
]
ARCHITECTURES = ("llama", "qwen2", "qwen3", "olmo2")


def save_tokenizer(folder: Path) -> None:
    """A byte-level BPE tokenizer with 400 tokens at most and ChatML's special ones, as the mini model's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=special[0], eos_token=special[0], pad_token=special[0]
    )
    fast.save_pretrained(str(folder))


def save_sentencepiece(folder: Path, template: str = "") -> None:
    """A tokenizer as SentencePiece makes them (Llama 2): it puts a space before a text, and drops the first one when it
    decodes; what it does not know it writes in bytes. ``template``: its chat template."""
    alphabet = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127))]
    merges = [("▁", "▁"), ("▁▁", "▁▁"), ("r", "e"), ("t", "u"), ("re", "tu"), ("retu", "rn"), ("▁", "return")]
    merges = [("r", "n"), *merges]
    vocabulary = dict.fromkeys([*alphabet, *("".join(pair) for pair in merges)])
    model = models.BPE(
        {token: at for at, token in enumerate(vocabulary)}, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    spaces = decoders.Replace("▁", " ")
    tokenizer.decoder = decoders.Sequence([spaces, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    if template:
        fast.chat_template = template
    fast.save_pretrained(str(folder))


def save_model(folder: Path, architecture: str = "llama", seed: int = 0, **overrides: Any) -> Path:
    """A two-layer model with random weights (wide enough that greedy text varies) and the tokenizer beside it."""
    settings = {
        "vocab_size": 400,
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "initializer_range": 0.15,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        **({"head_dim": 16} if architecture == "qwen3" else {}),
        **overrides,
    }
    config = AutoConfig.for_model(architecture, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
    model.to(torch.bfloat16).save_pretrained(str(folder))
    save_tokenizer(folder)
    return folder
