"""Build MiniEval, MiniSeeds, MiniLib and MiniMath: held-out tasks, written once and frozen by hash.

    python -m selfboot.organism.benchmarks --data data

MiniEval: levels 1-3 are held-out combinations, level 4 structures that the corpus shows with other element types
only, level 5 structures that it never shows. In about three tasks of ten the wording is reserved for the benchmarks
too. MiniMath: levels 1-3 held-out numbers, level 4 held-out kinds or five steps, level 5 (``hard``) five to eight
steps with larger numbers and distractors; the corpus has at most six steps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from selfboot.organism.corpus import documents
from selfboot.organism.documents import draw_spec
from selfboot.organism.families import FAMILIES
from selfboot.organism.fingerprint import fingerprint, fingerprints
from selfboot.organism.library import LIBRARY_FAMILIES, draw_library
from selfboot.organism.pipelines import HELD_SHARE, draw_pipeline
from selfboot.organism.program import Program, Spec, write
from selfboot.organism.shapes import LEVEL4, LEVEL5, draw_shape
from selfboot.organism.words import CORPUS_KINDS, HELD_KINDS, Story, held_story, make, worked

EVAL_LEVELS = {"test": (20, 30, 36, 42, 36), "dev": (12, 18, 22, 26, 22)}
MATH_LEVELS = {"test": (25, 35, 40, 40, 60), "dev": (14, 18, 22, 22, 24), "train": (150, 190, 160, 60, 40)}
HELD_WORDING = 0.3
TESTS, PLUS = 3, 12
SEEDS = 300
LIBRARY_TASKS = 60
REFERENCE_SHARDS = 8
# Fingerprints of candidates that the scan of the full corpus found beyond its first shards.
EXCLUDED_TEXT = """
02b590b1af222cea 041ceb416635171b 06afd99953576128 107da1b2d5f4a050 116cf7cd4ea9a6c3 13488bc95c789371
1795d76f6575e9d6 1e5912a09af8da3d 2542600c2ba6f6b1 4b1b01fe053479b7 4db82efea14a6bab 6258c9536222677b
6ea4c98570748d39 70e77221b088f10d 787a96320dd0452e 79d3895671f33bb9 7b4a459013525209 7ce7c669bcaace58
93fd432359b007ae 99033913738c7f9d 9dcc9b0c0b6b84be a7a11a412b364dc6 ac735f30358b0da4 bfa2072043554ea7
c19d6f293173d657 c2fee0f054c58134 d5d531a533dbd891 e38f7448d9766f56 e6d4fb865a9bafc1 f21d7c2c2f99dc7c
f450640af954ce39 fef1f1e133c598e1 ffa54baa3c794513
"""
EXCLUDED = frozenset(EXCLUDED_TEXT.split())
Row = dict[str, Any]


def styles(spec: Spec, count: int = 30) -> set[str]:
    """The fingerprints of a task in all its body styles."""
    rng = Random(f"styles|{spec.key}")
    return {fingerprint(write(spec, rng).bare) for _ in range(count)}


def telling(examples: list[tuple[Any, Any]]) -> bool:
    """Whether the expected values differ enough that a constant answer fails."""
    values = [repr(value) for _, value in examples]
    share = max(values.count(v) for v in values) / len(values)
    return len(examples) >= TESTS + PLUS and share < 0.7 and len(set(values)) > 1


def split_examples(rng: Random, examples: list[tuple[Any, Any]]) -> tuple[list[Any], list[Any], list[Any]]:
    """Shown, tested and extra examples; the tested ones with at least two different values."""
    while True:
        rng.shuffle(examples)
        tests = examples[2 : 2 + TESTS]
        if len({repr(v) for _, v in tests}) > 1:
            return examples[:2], tests, examples[2 + TESTS : 2 + TESTS + PLUS]


def code_row(rng: Random, task_id: str, program: Program, shown: int) -> Row | None:
    """One task as a record; None when its examples say too little."""
    examples = program.draw(rng, 2 + TESTS + PLUS)
    if len(examples) < 2 + TESTS + PLUS or not telling(examples):
        return None
    visible, tests, plus = split_examples(rng, examples)
    return {
        "task_id": task_id,
        "prompt": program.prompt(visible[:shown]),
        "entry_point": program.name,
        "tests": [program.check(e) for e in tests],
        "plus_tests": [program.check(e) for e in plus],
        "canonical_solution": program.body_text,
        "level": program.spec.level,
        "kind": program.spec.kind,
    }


def draw_level(rng: Random, level: int) -> Spec:
    if level >= 4:
        return draw_shape(rng, LEVEL4 if level == 4 else LEVEL5)
    while True:
        spec = draw_pipeline(rng, held=True)
        if spec.level == level:
            return spec


def code_tasks(
    rng: Random, name: str, wanted: Iterable[int], draw: Callable[[int], Spec], used: set[str], held: float
) -> list[Row]:
    """Tasks that share no fingerprint with each other or with ``used`` (which grows)."""
    rows: list[Row] = []
    for level in wanted:
        while True:
            spec = draw(level)
            prints = styles(spec)
            program = write(spec, rng, held=rng.random() < held)
            row = None if prints & used else code_row(rng, f"{name}/{len(rows)}", program, rng.choice((0, 0, 1, 2)))
            if row is not None:
                used |= prints
                rows.append(row | {"spec": spec.key, "fingerprints": sorted(prints)})
                break
    return rows


def minieval(split: str, used: set[str]) -> list[Row]:
    rng = Random(f"minieval|{split}")
    levels = [level for level, count in enumerate(EVAL_LEVELS[split], 1) for _ in range(count)]
    return code_tasks(rng, f"MiniEval-{split}", levels, lambda level: draw_level(rng, level), used, HELD_WORDING)


def minilib(used: set[str]) -> list[Row]:
    rng = Random("minilib|test")
    return code_tasks(rng, "MiniLib", [0] * LIBRARY_TASKS, lambda _: draw_library(rng, held=True), used, HELD_WORDING)


def miniseeds() -> list[Row]:
    """Task seeds in MBPP form, from combinations that the corpus may hold."""
    rng = Random("miniseeds")
    rows: list[Row] = []
    seen: set[str] = set()
    while len(rows) < SEEDS:
        spec = draw_spec(rng)
        if spec.key in seen or spec.head:
            continue
        program = write(spec, rng)
        row = code_row(rng, "", program, 0)
        if row is None and spec.kind != "fixed":
            continue
        seen.add(spec.key)
        tests = row["tests"] if row else [program.check(e) for e in program.draw(rng, TESTS)]
        if len(tests) == TESTS:
            rows.append(
                {
                    "task_id": f"MiniSeeds/{len(rows)}",
                    "text": program.doc,
                    "tests": tests,
                    "code": program.bare,
                    "entry_point": program.name,
                    "kind": spec.kind,
                }
            )
    return rows


def draw_story(rng: Random, level: int) -> Story:
    """A held-out problem of a level."""
    while True:
        if level <= 2:
            story = make(rng, steps=level, distractor=0.1, big=level == 2)
        elif level == 3:
            story = make(rng, steps=rng.choice((3, 4)), distractor=0.6, big=rng.random() < 0.5)
        elif level == 4:
            old = rng.random() < 0.4
            story = make(
                rng,
                steps=5 if old else rng.choice((2, 3, 4)),
                kinds=CORPUS_KINDS if old else HELD_KINDS,
                distractor=0.3,
                big=old,
            )
        else:
            story = make(rng, steps=rng.choice((5, 6, 7)), distractor=0.5, big=True)
        if (held_story(story) or story.kind in HELD_KINDS) and story.value < 5000:
            return story


def minimath(split: str, used: set[str]) -> list[Row]:
    rng = Random(f"minimath|{split}")
    rows: list[Row] = []
    for level, count in enumerate(MATH_LEVELS[split], 1):
        for _ in range(count):
            while (key := f"{(story := draw_story(rng, level)).kind}|{story.expr}") in used:
                pass
            used.add(key)
            solution = "\n".join([*worked(rng, story, 1), f"#### {story.value}"])
            rows.append(
                {
                    "task_id": f"MiniMath-{split}/{len(rows)}",
                    "problem": story.text,
                    "answer": str(story.value),
                    "solution": solution,
                    "level": level,
                    "kind": story.kind,
                    "expression": story.expr,
                    "steps": len(story.steps),
                    "distractor": story.distracted,
                    "hard": level == 5,
                }
            )
    return rows


def corpus_functions(shards: int = REFERENCE_SHARDS) -> set[str]:
    """Fingerprints of the fixed families and of the corpus's first shards, which no benchmark task may equal.

    Different combinations can share their code (a list's words sort like its numbers), so keys alone do not keep a
    task out.
    """
    rng = Random("families")
    found = {fingerprint(write(spec, rng).bare) for spec in (*FAMILIES, *LIBRARY_FAMILIES) for _ in range(8)}
    for number in range(shards):
        for _, text in documents("bulk", number):
            found |= fingerprints(text)
    return found


def build() -> dict[str, list[Row]]:
    """All benchmark files, as rows."""
    used = corpus_functions() | EXCLUDED
    problems: set[str] = set()
    return {
        "minieval/test": minieval("test", used),
        "minieval/dev": minieval("dev", used),
        "minilib/test": minilib(used),
        "minieval/seeds": miniseeds(),
        "minimath/test": minimath("test", problems),
        "minimath/dev": minimath("dev", problems),
        "minimath/train": minimath("train", problems),
    }


def save(rows: dict[str, list[Row]], data: Path) -> None:
    """Write the JSON Lines files, the fingerprints beside the code benchmarks, and SHA256SUMS in each folder."""
    for name, content in rows.items():
        path = data / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        prints = {row["task_id"]: row.pop("fingerprints") for row in content if "fingerprints" in row}
        write_text(path, "".join(json.dumps(row) + "\n" for row in content))
        if prints:
            write_text(path.with_suffix(".fingerprints.json"), json.dumps(prints, indent=0) + "\n")
    for folder in sorted({(data / name).parent for name in rows}):
        sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(folder.glob("*.json*"))]
        write_text(folder / "SHA256SUMS", "".join(sums))


def write_text(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    args = parser.parse_args()
    rows = build()
    save(rows, args.data)
    print({name: len(content) for name, content in rows.items()})


__all__ = ["HELD_SHARE", "build", "fingerprints", "save"]

if __name__ == "__main__":
    main()
