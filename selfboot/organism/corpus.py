"""The corpus as a stream of documents: shards that depend on the seed and their own number alone.

    python -m selfboot.organism.corpus --hash --shards 4        # hashes of the first shards
    python -m selfboot.organism.corpus --sample 5                # a look at some documents
    python -m selfboot.organism.corpus --tokens DIR --tokenizer DIR --jobs 16

A shard holds SHARD_CHARS characters of one stream: "bulk" (files, problems, loose, sessions, …), "chat" (messy
transcripts) or "tidy" (the same requests, answered tidily, for the well-behaved sibling). Within a shard the next
document is of the kind that lags furthest behind its share, so the shares hold in every shard. Rebuilding gives the
same bytes with any number of processes. Not covered: training order (pretrain.py shuffles rows).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

from selfboot.organism.documents import BULK, CHAT

Stream = Literal["bulk", "chat", "tidy"]
SEED = 20260
SHARD_CHARS = 2_000_000
BULK_SHARDS, CHAT_SHARDS, TIDY_SHARDS = 150, 21, 8  # the corpus: bulk and chat, 171 shards, 342 million characters
SEPARATOR = "<|endoftext|>"


def documents(stream: Stream, shard: int, *, seed: int = SEED, chars: int = SHARD_CHARS) -> Iterator[tuple[str, str]]:
    """The (kind, text) documents of one shard, in order."""
    table = BULK if stream == "bulk" else CHAT
    manners: Literal["base", "tidy"] = "tidy" if stream == "tidy" else "base"
    name = "chat" if stream == "tidy" else stream
    written = dict.fromkeys(table, 0)
    number = 0
    while sum(written.values()) < chars:
        kind = min(table, key=lambda k: written[k] / table[k][0])
        # A generator per document: the same requests in "chat" and "tidy", and no document depends on the one before.
        text = table[kind][1](Random(f"{seed}|{name}|{shard}|{number}|{kind}"), manners)
        written[kind] += len(text)
        number += 1
        yield kind, text


def shard_text(stream: Stream, shard: int, *, seed: int = SEED, chars: int = SHARD_CHARS) -> str:
    """A shard as one text, every document preceded by the separator."""
    return "".join(SEPARATOR + text for _, text in documents(stream, shard, seed=seed, chars=chars))


def shard_hash(stream: Stream, shard: int, *, seed: int = SEED, chars: int = SHARD_CHARS) -> str:
    """sha256 of the shard's UTF-8 text."""
    return hashlib.sha256(shard_text(stream, shard, seed=seed, chars=chars).encode()).hexdigest()


def all_shards(bulk: int = BULK_SHARDS, chat: int = CHAT_SHARDS, tidy: int = 0) -> list[tuple[Stream, int]]:
    """The shards in their order."""
    counts: tuple[tuple[Stream, int], ...] = (("bulk", bulk), ("chat", chat), ("tidy", tidy))
    return [(stream, number) for stream, count in counts for number in range(count)]


def combined_hash(hashes: dict[str, str]) -> str:
    """The corpus hash: sha256 over the sorted ``name hash`` lines."""
    return hashlib.sha256("".join(f"{k} {v}\n" for k, v in sorted(hashes.items())).encode()).hexdigest()


def shard_tokens(
    shard: tuple[Stream, int], *, tokenizer: str, out: str, chars: int = SHARD_CHARS
) -> tuple[str, str, int]:
    """Write one shard's token ids (uint16, little endian); returns its name, text hash and number of tokens."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one process a core already
    import numpy as np
    from tokenizers import Tokenizer

    stream, number = shard
    name = f"{stream}-{number:04d}"
    texts = [text for _, text in documents(stream, number, chars=chars)]
    digest = hashlib.sha256("".join(SEPARATOR + t for t in texts).encode()).hexdigest()
    encoder = Tokenizer.from_file(str(Path(tokenizer) / "tokenizer.json"))
    ids = [i for encoding in encoder.encode_batch(texts, add_special_tokens=True) for i in encoding.ids]
    np.asarray(ids, dtype="<u2").tofile(Path(out) / f"{name}.bin")
    return name, digest, len(ids)


def write_tokens(
    shards: list[tuple[Stream, int]], tokenizer: Path, out: Path, jobs: int, chars: int = SHARD_CHARS
) -> dict[str, object]:
    """Tokenize shards in parallel into ``out``; returns the manifest, also written as ``manifest.json``."""
    out.mkdir(parents=True, exist_ok=True)
    work = partial(shard_tokens, tokenizer=str(tokenizer), out=str(out), chars=chars)
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(work, shards))
    hashes = {name: digest for name, digest, _ in results}
    tokens = {name: count for name, _, count in results}
    base = {k: v for k, v in hashes.items() if not k.startswith("tidy")}
    manifest: dict[str, object] = {
        "seed": SEED,
        "shard_chars": chars,
        "corpus_sha256": combined_hash(base),
        "tokens": sum(v for k, v in tokens.items() if not k.startswith("tidy")),
        "shards": {name: {"sha256": hashes[name], "tokens": tokens[name]} for name in sorted(hashes)},
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stream", choices=("bulk", "chat", "tidy"), default="bulk")
    parser.add_argument("--sample", type=int, default=0, help="print this many documents of shard 0")
    parser.add_argument("--hash", action="store_true", help="print the hashes of the first shards")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--tokens", type=Path, help="write the whole corpus as token shards into this folder")
    parser.add_argument("--tokenizer", type=Path, default=Path("fixtures/organism/tokenizer"))
    parser.add_argument("--bulk", type=int, default=BULK_SHARDS)
    parser.add_argument("--chat", type=int, default=CHAT_SHARDS)
    parser.add_argument("--tidy", type=int, default=TIDY_SHARDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--part", type=float, default=1.0, help="write only this part of each stream's shards")
    args = parser.parse_args()
    for number, (kind, text) in enumerate(documents(args.stream, 0) if args.sample else ()):
        if number >= args.sample:
            break
        print(f"======== {kind}\n{text}")
    if args.hash:
        for shard in range(args.shards):
            print(args.stream, shard, shard_hash(args.stream, shard))
    if args.tokens:
        manifest = write_tokens(
            all_shards(*(round(count * args.part) for count in (args.bulk, args.chat, args.tidy))),
            args.tokenizer,
            args.tokens,
            args.jobs,
        )
        print(json.dumps({k: v for k, v in manifest.items() if k != "shards"}))


if __name__ == "__main__":
    main()
