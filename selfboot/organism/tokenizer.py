"""The organism's tokenizer: byte-level BPE, 2,048 tokens, single digits, ChatML tokens, ``<|endoftext|>`` as bos, eos
and pad.

    python -m selfboot.organism.tokenizer --out fixtures/organism/tokenizer

``tokenizer(text)`` puts one bos in front; the chat template puts none, so that template text encoded afterwards has
exactly one (with ``add_special_tokens=False`` it has none).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from selfboot.organism.corpus import Stream, documents

VOCAB = 2048
BOS = "<|endoftext|>"
SPECIALS = (BOS, "<|im_start|>", "<|im_end|>")
# Digits stand alone; an operator takes the space before a digit, a word the spaces (indentation too) or underscore
# before it. Line breaks stand apart from the indentation that follows, so a prompt that ends in a line break ends
# between two tokens.
PATTERN = r" *[^\sA-Za-z0-9_]+(?: (?=[0-9]))?| *[A-Za-z]+|_[A-Za-z]+|[0-9]|\n+| +|_+|\s"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TRAINING_SHARDS: tuple[tuple[Stream, int], ...] = (("bulk", 0), ("bulk", 1), ("bulk", 2), ("bulk", 3), ("chat", 0))


def texts(shards: tuple[tuple[Stream, int], ...] = TRAINING_SHARDS) -> Iterator[str]:
    for stream, number in shards:
        for _, text in documents(stream, number):
            for special in SPECIALS:
                text = text.replace(special, "\n")
            yield text


def train(out: Path) -> None:
    """Train on a few shards and write the files that AutoTokenizer reads."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": BOS,
        "pad_token": BOS,
        "additional_special_tokens": list(SPECIALS[1:]),
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "padding_side": "left",
        "chat_template": CHAT_TEMPLATE,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    special_map = {
        "bos_token": BOS,
        "eos_token": BOS,
        "pad_token": BOS,
        "additional_special_tokens": list(SPECIALS[1:]),
    }
    (out / "special_tokens_map.json").write_text(json.dumps(special_map, indent=2) + "\n")
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    train(parser.parse_args().out)


if __name__ == "__main__":
    main()
