"""A file of samples, whatever it is graded for: its rows, whose task each one is, its text, and where grades go.

A sample is ``{"task_id": …, "completion": …}`` or ``{"task_id": …, "solution": …}`` (the whole thing, no continuation);
a field that is null or NaN counts as missing. Read as well:
- a folder of ``HumanEval_0/0.py`` files, as evalplus writes them
- what lm-eval's ``--log_samples`` writes: a row a document and filter, whose ``resps`` hold every text that was drawn
- an artifact of our own run store: the folder of samples or of a score, whose rows are in the benchmark's order
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfboot.errors import DataError
from selfboot.grading.tasks import read_rows
from selfboot.storage.manifest import NAME as MANIFEST
from selfboot.storage.manifest import Damaged, parse_manifest
from selfboot.store import Artifact

Row = tuple[str, Mapping[str, Any]]  # where it stands, and what it says


@dataclass(frozen=True)
class Sample:
    """What was handed in for a task. ``where``: file and line. ``whole``: it is no continuation of the prompt."""

    where: str
    task_id: str
    text: str
    whole: bool


def read_samples(path: Path, task_ids: Collection[str]) -> dict[str, list[Sample]]:
    """Samples by task, in the order of ``task_ids``. Raises ``DataError`` naming file and line."""
    return by_task(sample_rows(path, task_ids), task_ids)


def by_task(rows: Iterable[Row], task_ids: Collection[str]) -> dict[str, list[Sample]]:
    """The rows as samples by task, in the order of ``task_ids``; tasks without any are left out."""
    found: dict[str, list[Sample]] = {task_id: [] for task_id in task_ids}
    for where, row in rows:
        task_id = known_task(where, row.get("task_id"), task_ids)
        found[task_id].append(_sample(where, task_id, row))
    return {task_id: row for task_id, row in found.items() if row}


def sample_rows(path: Path, task_ids: Collection[str] = ()) -> Iterator[Row]:
    """Where each sample stands, and the sample. ``task_ids``: those of a store's rows, which name none."""
    if is_artifact(path):
        yield from _stored(path, list(task_ids))
    elif path.is_dir():
        files = sorted(path.glob("*/*.py"), key=lambda file: (file.parent.name, len(file.stem), file.stem))
        for file in files:
            yield str(file), {"task_id": file.parent.name.replace("_", "/", 1), "solution": program_text(file)}
    else:
        yield from _file_rows(path)


def _file_rows(path: Path) -> Iterator[Row]:
    """Rows of a file. lm-eval logs each document once a filter, with the same texts: the first filter's rows count."""
    filters: list[object] = []
    for number, row in enumerate(read_rows(path), 1):
        where = f"{path}:{number}"
        if "resps" not in row or "completion" in row or "solution" in row:
            yield where, row
            continue
        filters = filters or [row.get("filter")]
        if row.get("filter") in filters:
            yield from ((where, one) for one in _logged(where, row))


def _logged(where: str, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The samples of one row of lm-eval's. Its documents may have a task_id of their own; else their number counts."""
    doc, texts = row.get("doc"), list(_leaves(row["resps"]))
    task_id = doc.get("task_id", row.get("doc_id")) if isinstance(doc, dict) else row.get("doc_id")
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: 'resps' holds no texts; log the samples of a task that generates text")
    yield from ({"task_id": task_id, "completion": text} for text in texts)


def _leaves(value: object) -> Iterator[object]:
    """What lists of lists hold, in order."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def is_artifact(path: Path) -> bool:
    """Is it the folder of an artifact of a run store?"""
    return (path / MANIFEST).is_file()


def _stored(path: Path, task_ids: Sequence[str]) -> Iterator[Row]:
    """The completions of samples in a run store, or of those that a score there is of."""
    manifest = _manifest(path)
    if samples := manifest["provenance"].get("samples"):
        path = path.parent.parent / "samples" / str(samples)
        manifest = _manifest(path)
    if manifest["kind"] != "samples":
        raise DataError(f"{path}: holds {manifest['kind']}, no completions; name a folder of samples/ or score/")
    lines = Artifact("samples", path.name, path, manifest, True).text("completions.jsonl").split("\n")
    rows = [json.loads(line) for line in lines if line]
    if len(rows) > len(task_ids):
        raise DataError(f"{path}: {len(rows)} tasks, the benchmark has {len(task_ids)}; name the one that was sampled")
    for number, (task_id, row) in enumerate(zip(task_ids, rows, strict=False), 1):
        where = f"{path / 'completions.jsonl'}:{number}"
        yield from ((where, {"task_id": task_id, "completion": one["text"]}) for one in row)


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest of the artifact in a folder."""
    try:
        return parse_manifest((path / MANIFEST).read_bytes(), path.parent.name, path.name)
    except (Damaged, OSError) as error:
        raise DataError(f"{path}: no artifact ({error}); name a folder of a store's samples/ or score/") from None


def program_text(path: Path) -> str:
    """A program's file in the encoding that it declares, else in UTF-8; bytes that are neither become U+FFFD."""
    data = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:  # an unknown encoding, or its first lines are not UTF-8
        encoding = "utf-8-sig"
    return data.decode(encoding, errors="replace")


def known_task(where: str, asked: object, task_ids: Collection[str]) -> str:
    """The task that a row names: evalplus writes Mbpp/2 where others write MBPP/2, and MBPP's own file 2."""
    number = str(asked).strip() if not isinstance(asked, bool) else ""
    if not isinstance(asked, str) and not number.isdecimal():
        raise DataError(f"{where}: the sample has no task_id")
    if asked in task_ids:
        return str(asked)
    alike = [known for known in task_ids if known.lower() == number.lower()]
    alike += [known for known in task_ids if number.isdecimal() and known.rpartition("/")[2] == number]
    if alike:
        return alike[0]
    near = difflib.get_close_matches(number, task_ids, n=1)
    guess = f"did you mean {near[0]!r}?" if near else f"the first is {next(iter(task_ids))!r}"
    raise DataError(f"{where}: the benchmark has no task {asked!r}; {guess}")


def _sample(where: str, task_id: str, row: Mapping[str, Any]) -> Sample:
    for name in ("solution", "completion"):
        text = row.get(name)
        if isinstance(text, str):
            return Sample(where, task_id, text, name == "solution")
        if text is not None and text == text:  # NaN, pandas' null, is not equal to itself
            break
    raise DataError(f"{where}: the sample needs a text in 'completion' or in 'solution'")


def refuse_gaps(
    samples: Path, task_ids: Collection[str], found: Mapping[str, Sequence[Any]], k: Sequence[int], allow_missing: bool
) -> None:
    """``DataError`` where pass@k of ``found`` would not be the benchmark's."""
    missing = [task_id for task_id in task_ids if task_id not in found]
    if not found:
        raise DataError(f"{samples}: no samples in it")
    if missing and not allow_missing:
        raise DataError(
            f"{samples}: {len(missing)} of {len(task_ids)} tasks have no sample, the first being {missing[0]!r};"
            " add them, or pass --allow-missing to score the others alone"
        )
    fewest = min(found, key=lambda task_id: len(found[task_id]))
    if max(k) > len(found[fewest]) or min(k) < 1:
        raise DataError(
            f"{samples}: pass@{max(k)} needs {max(k)} samples a task, {fewest!r} has {len(found[fewest])};"
            " lower --k or draw more"
        )


def grades_path(samples: Path, out: Path | None = None) -> Path:
    """Where the grades go, its folder made; ``DataError`` now where it cannot be written, not after the grading."""
    name = samples.name.removesuffix(".gz").removesuffix(".jsonl")
    path = out or samples.with_name(f"{name}.grades.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path}: its folder cannot be made ({error}); name another with --out") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise DataError(f"{path}: cannot be written; name a file in a folder of yours with --out")
    return path


def samples_sha256(samples: Path) -> str:
    """Of the file's bytes (hex); "" for a folder."""
    return hashlib.sha256(samples.read_bytes()).hexdigest() if samples.is_file() else ""
