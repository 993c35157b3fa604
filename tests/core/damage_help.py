"""A small store whose content is known, and ways to damage it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from selfboot.storage.files import read_sealed, write_sealed
from selfboot.store import RunStore

ARTIFACTS, STEPS = 3, 5


class Interrupted(Exception):
    """The end of a builder that is killed."""


def steps(number: int, stop: int = STEPS, done: list[int] | None = None) -> Callable[[Path, Path], dict[str, Any]]:
    """A builder of ``STEPS`` steps, each made of the one before; it dies after ``stop`` of them. ``done``: those that
    it did itself."""

    def build(out: Path, work: Path) -> dict[str, Any]:
        last = f"artifact {number}"
        for step in range(STEPS):
            if step == stop:
                raise Interrupted
            file = work / f"step-{step:04}.json"
            kept = read_sealed(file)
            if kept is None:
                kept = json.dumps(hashlib.sha256(last.encode()).hexdigest()).encode()
                write_sealed(file, kept)
                if done is not None:
                    done.append(step)
            last = json.loads(kept)
        (out / "result.txt").write_text(last)
        (out / "rows.jsonl").write_text("".join(f"{last[:row]}\n" for row in range(40)))
        return {"number": number}

    return build


def finished(store: RunStore) -> list[str]:
    """The store's whole content, made where it is not there."""
    return [
        found.text(name)
        for number in range(ARTIFACTS)
        for found in [store.get("steps", {"n": number}, steps(number))]
        for name in ("result.txt", "rows.jsonl")
    ]


def half_done(store: RunStore, rng: random.Random) -> None:
    """Delete some of the artifacts, and kill the next attempt to make them."""
    for number in rng.sample(range(ARTIFACTS), rng.randint(0, 2)):
        found = store.find("steps", {"n": number})
        if found is not None:
            shutil.rmtree(found.path)
            with suppress(Interrupted):
                store.get("steps", {"n": number}, steps(number, stop=rng.randint(1, STEPS - 1)))


def damage(rng: random.Random, root: Path, live: bool = False) -> str:
    """Do something to a file of finished or half-done work (not to one that is being written, nor to locks); what.
    ``live``: a builder may be at work, whose own folder is not taken from under it."""
    files = [
        file
        for kind in ("steps", "work", "pairs", "adapter", "samples", "score")
        for file in sorted((root / kind).glob("**/*"))
        if file.is_file() and "out" not in file.relative_to(root).parts and not file.name.startswith(".")
    ]
    files = [file for file in files if ".damaged-" not in file.name]
    if not files:
        return "nothing there"
    victim = rng.choice(files)
    alone = live and "work" in victim.relative_to(root).parts
    how = rng.choice((flip, cut, swap) if alone else (flip, cut, swap, delete, move))
    how(rng, victim, files)
    return f"{how.__name__} {victim.relative_to(root)}"


def flip(rng: random.Random, victim: Path, files: list[Path]) -> None:
    """One bit to three bytes' worth of them."""
    payload = bytearray(victim.read_bytes())
    for _ in range(rng.randint(1, 3) if payload else 0):
        payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
    victim.write_bytes(payload)


def cut(rng: random.Random, victim: Path, files: list[Path]) -> None:
    payload = victim.read_bytes()
    victim.write_bytes(payload[: rng.randrange(len(payload) or 1)])


def swap(rng: random.Random, victim: Path, files: list[Path]) -> None:
    """Its content with that of another file."""
    other = rng.choice(files)
    mine, theirs = victim.read_bytes(), other.read_bytes()
    victim.write_bytes(theirs)
    other.write_bytes(mine)


def delete(rng: random.Random, victim: Path, files: list[Path]) -> None:
    if rng.random() < 0.3:
        shutil.rmtree(victim.parent)
    else:
        victim.unlink()


def move(rng: random.Random, victim: Path, files: list[Path]) -> None:
    """A copy of another folder in the place of its own."""
    other = rng.choice(files).parent
    if other != victim.parent and not other.is_relative_to(victim.parent) and not victim.is_relative_to(other):
        shutil.rmtree(victim.parent)
        shutil.copytree(other, victim.parent)
