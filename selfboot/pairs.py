"""Training items on disk: JSON Lines of the paper's two schemas (data/pairs/README.md), read strictly.

A line with ``signature`` is a code pair, one with ``problem`` a solved problem. Files are written atomically.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from selfboot.benchmarks.base import load_benchmark, read_jsonl
from selfboot.datasets.pinned import source, sources
from selfboot.errors import DataError
from selfboot.paths import DATA
from selfboot.records import Item, Pair, Solution
from selfboot.store import digest, file_sha256, write_atomic

UNKNOWN_ROWS = 100  # substitutes for a file of which nobody knows how many it has; the largest `count` of a claim
SUBSTITUTE = "substitute"  # the key of ``meta`` that marks a substitute pair
ITEMS = "pairs.jsonl"  # the name that a manifest has for the items
_PAIR = ("signature", "broken", "error", "fixed")
_SOLUTION = ("problem", "solution")
_TARGETS = get_args(get_type_hints(Solution)["target"])


def read_pairs(path: Path, empty: bool = False) -> list[Pair]:
    """The pairs of a file (``empty``: none is fine). DataError names file, line and field that are wrong."""
    items = read_items(path, empty)
    for number, item in enumerate(items, 1):
        if not isinstance(item, Pair):
            raise DataError(f"{path}: item {number} is a solved problem, not a pair; read it with `read_items`")
    return [item for item in items if isinstance(item, Pair)]


def pairs_path(model: str, name: str) -> Path:
    """Where a named pair file lies: a model's own, one that serves every model, or a released one."""
    own, shared = DATA / "pairs" / model / f"{name}.jsonl", DATA / "pairs" / f"{name}.jsonl"
    released = name.rpartition("/")[2]
    last = source(released).path if released in sources() else DATA / "released" / f"{name}.jsonl"
    return next((path for path in (own, shared) if path.exists()), last)


def parts(name: str) -> list[str]:
    """The pair files that a name stands for: ``"A+B"`` is A's pairs and then B's; "" is none."""
    return name.split("+") if name else []


def join(names: Iterable[str]) -> str:
    """One name for several pair files, in this order."""
    return "+".join(names)


def load_pairs(model: str, name: str, substitutes: bool = False) -> list[Pair]:
    """The pairs called ``name`` for a model, one file's or (``"A+B"``) several files' in this order.

    DataError when there is no such file; with ``substitutes``, substitute pairs take its place."""
    found: list[Pair] = []
    for part in parts(name) or [name]:
        path = pairs_path(model, part)
        if path.exists() or not substitutes:
            found += read_pairs(path)
        else:
            found += substitute_pairs(released_rows(part) or UNKNOWN_ROWS, len(found))
    return found


def substitute_pairs(count: int, first: int = 0) -> list[Pair]:
    """So many pairs from HumanEval's canonical solutions, from task number ``first`` on, around again at the end.

    For dry runs on random weights, whose scores mean nothing and whose results are marked. They show memory and time,
    so the pairs only need the right number and length (the released ones': about 1,000 characters).
    """
    tasks = itertools.cycle(load_benchmark("humaneval").tasks)
    return [
        Pair(
            task.prompt,
            (f"assert callable({task.entry_point})",),
            "",
            "SyntaxError",
            task.prompt + task.canonical,
            {SUBSTITUTE: f"canonical solution of {task.task_id}"},
        )
        for task in itertools.islice(tasks, first, first + count)
    ]


def released_rows(name: str) -> int:
    """How many pairs a released file has; 0: it is no released file."""
    own = name.rpartition("/")[2]
    return source(own).rows if own in sources() else 0


def check_pairs(model: str, name: str) -> None:
    """DataError where the pair file called ``name`` is missing, unreadable, or not what its provenance says it is."""
    path = pairs_path(model, name)
    if not path.exists():
        own = DATA / "pairs" / model / path.name
        raise DataError(
            f"{own}: no such file; restore it from the repository, or mine it (data/pairs/README.md says how)"
        )
    read_items(path)


def read_items(path: Path, empty: bool = False) -> list[Item]:
    """The pairs and solved problems of a file. DataError names file, line and field that are wrong, or the provenance
    beside it that is another file's."""
    items = [parse_item(f"{path}:{number}", row) for number, row in enumerate(read_jsonl(path), 1)]
    if not items and not empty:
        raise DataError(f"{path}: holds no pairs; mine some (`selfboot mine`) or restore the file")
    _check_provenance(path)
    return items


def provenance_path(path: Path) -> Path:
    """Where it is said how a pair file came about."""
    return path.with_suffix(".provenance.json")


def _check_provenance(path: Path) -> None:
    """DataError where the provenance beside a pair file gives another sha256 than the file has, or cannot be read."""
    beside = provenance_path(path)
    if not beside.exists():
        return
    try:
        expected = json.loads(beside.read_text(encoding="utf-8")).get("files", {}).get(ITEMS)
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{beside}: cannot be read ({error}); restore it, or delete it if nobody needs it") from None
    if expected not in (None, file_sha256(path)):
        raise DataError(
            f"{path}: not the file whose sha256 {beside.name} gives; restore both, or delete the latter if the change "
            "is yours"
        )


def parse_item(where: str, row: dict[str, Any]) -> Item:
    """One line of a file as a pair or a solved problem; DataError names ``where`` and the field that is wrong."""
    return _solution(where, row) if "problem" in row else _pair(where, row)


def _pair(where: str, row: dict[str, Any]) -> Pair:
    _check(where, row, _PAIR, (*_PAIR, "tests"), "pair")
    tests = row["tests"]
    if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
        raise DataError(f"{where}: field 'tests' must be a list of assert lines, not {tests!r:.60}")
    if not row["fixed"].strip():
        raise DataError(f"{where}: field 'fixed' is empty; there is nothing to train on")
    meta = row.get("meta", {})
    return Pair(row["signature"], tuple(tests), row["broken"], row["error"], row["fixed"], meta)


def _solution(where: str, row: dict[str, Any]) -> Solution:
    optional = {name: row[name] for name in ("wrong", "target", "format") if name in row}
    _check(where, row, (*_SOLUTION, *optional), (*_SOLUTION, "answer"), "solved problem")
    if isinstance(row["answer"], bool) or not isinstance(row["answer"], str | int | float):
        raise DataError(f"{where}: field 'answer' must be text or a number, not {type(row['answer']).__name__}")
    if row.get("target", "plain") not in _TARGETS:
        raise DataError(f"{where}: field 'target' is {row['target']!r}; known: {', '.join(_TARGETS)}")
    if not row["solution"].strip():
        raise DataError(f"{where}: field 'solution' is empty; there is nothing to train on")
    return Solution(row["problem"], row["solution"], _number(row["answer"]), meta=row.get("meta", {}), **optional)


def _check(where: str, row: dict[str, Any], text: Sequence[str], needed: Sequence[str], what: str) -> None:
    for name in needed:
        if name not in row:
            raise DataError(f"{where}: field {name!r} is missing; a {what} has {', '.join(needed)}")
    for name in text:
        if not isinstance(row[name], str):
            raise DataError(f"{where}: field {name!r} must be text, not {type(row[name]).__name__}")


def _number(value: str | float) -> str:
    """Text as it is; a number as people write it (the released file has 14.0 for 14)."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def pairs_text(items: Sequence[Item]) -> str:
    """The items as JSON Lines."""
    return "".join(json.dumps(_row(item), ensure_ascii=False) + "\n" for item in items)


def _row(item: Item) -> dict[str, Any]:
    row: dict[str, Any]
    if isinstance(item, Pair):
        row = {"signature": item.signature, "tests": list(item.tests), "broken": item.broken}
        row |= {"error": item.error, "fixed": item.fixed}
    else:
        row = {"problem": item.problem, "solution": item.solution, "answer": item.answer}
        row |= {"wrong": item.wrong} if item.wrong else {}
        row |= {"target": item.target, "format": item.format}
    return row | ({"meta": item.meta} if item.meta else {})


def write_pairs(path: Path, items: Sequence[Item]) -> None:
    """Write a file of items, whole or not at all."""
    write_atomic(path, pairs_text(items))


def pairs_sha256(items: Sequence[Item]) -> str:
    """Hash of what training sees (``meta`` aside)."""
    return digest([{name: value for name, value in _row(item).items() if name != "meta"} for item in items])
