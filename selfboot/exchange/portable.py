"""Results as one JSON file that other tools can read: its schema, results.schema.json, says what each field means.

``document`` makes it of a run store, ``read`` reads it back and refuses, with the place, whatever the schema does not
allow. lm_eval.py writes the same completions in lm-eval's form.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfboot import __version__
from selfboot.errors import DataError, SelfbootError
from selfboot.exchange.recorded import Source
from selfboot.grading.sample_file import Row
from selfboot.judging.results import REPLAYED, Result, from_table
from selfboot.protocols.base import Arm
from selfboot.report.evidence import SCORES, Scored, Shelf
from selfboot.store import Artifact, digest

SCHEMA = "selfboot-results-1"
DERIVED = ("verdict", "agreement", "size", "said")  # what a file says of a result besides its fields
UNLOADED: Mapping[str, Any] = {"key": {}, "provenance": {}}


@dataclass(frozen=True)
class Portable:
    """A score of a run store with all that goes out: ``arms``: whose it is; ``drawn``: its completions, as stored."""

    score: Scored
    arms: tuple[tuple[Result, Arm], ...]
    drawn: tuple[tuple[Mapping[str, Any], ...], ...]

    @property
    def own(self) -> Mapping[str, Any]:
        """The score's manifest."""
        return self.score.manifests[0]

    @property
    def samples(self) -> Mapping[str, Any]:
        """Its samples' manifest."""
        return self.score.manifests[1] if len(self.score.manifests) > 1 else UNLOADED

    @property
    def sampling(self) -> dict[str, Any] | None:
        found = self.samples["key"].get("sampling")
        return dict(found) if found else None


def portables(results: Sequence[Result], shelf: Shelf) -> list[Portable]:
    """Every score that the results rest on, each once. DataError for one that the store no longer has whole."""
    owners: dict[tuple[str, str], list[tuple[Result, Arm]]] = {}
    for result in results:
        for one in result.evidence:
            if one.kind in SCORES:
                owners.setdefault((one.kind, one.id), []).append((result, one.arm))
    return [_portable(kind, id, tuple(arms), shelf) for (kind, id), arms in owners.items()]


def _portable(kind: str, id: str, arms: tuple[tuple[Result, Arm], ...], shelf: Shelf) -> Portable:
    score = shelf.score(kind, id)
    if score is None or len(score.manifests) < 2:
        raise DataError(f"{shelf.root / kind / id}: of {arms[0][0].name}, not whole in the store; run the claim again")
    samples = score.manifests[1]
    artifact = Artifact("samples", samples["id"], shelf.root / "samples" / samples["id"], samples, True)
    rows = [json.loads(line) for line in artifact.text("completions.jsonl").split("\n") if line]
    return Portable(score, arms, tuple(map(tuple, rows)))


def document(results: Sequence[Result], scores: Iterable[Portable]) -> dict[str, Any]:
    """The file's content, as results.schema.json has it."""
    return {
        "schema": SCHEMA,
        "selfboot": __version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "results": [{**asdict(one), "verdict": one.verdict, "agreement": one.agreement} for one in results],
        "samples": [_samples(one) for one in scores],
    }


def _samples(one: Portable) -> dict[str, Any]:
    known = environment(one)
    return {
        "id": one.score.id,
        "kind": one.own["kind"],
        "benchmark": one.score.benchmark,
        "model": one.score.model,
        "arms": [
            {**{name: getattr(result, name) for name in ("claim", "case", "scale", "weights")}, "arm": asdict(arm)}
            for result, arm in one.arms
        ],
        "sampling": one.sampling,
        "hashes": _hashes(one, known),
        "environment": known,
        "tasks": [_task(one, place) for place in range(one.score.n)],
    }


def environment(one: Portable) -> dict[str, Any]:
    """What completions and verdicts were made with: engine, machines, grader, libraries, hashes of our code."""
    tables = {"sampling": one.samples, "grading": one.own}
    return {
        phase: {
            **{name: value for name, value in table["provenance"].items() if name in ("engine", "machine", "grader")},
            **{name: table["key"][name] for name in ("code", "versions") if name in table["key"]},
        }
        for phase, table in tables.items()
    }


def _hashes(one: Portable, known: Mapping[str, Any]) -> dict[str, Any]:
    drawn = one.samples["key"]
    return {
        "benchmark": one.own["key"]["benchmark"],
        "prompts": drawn.get("prompts"),
        "template": template_sha256(one.score.model, drawn.get("model")),
        "environment": digest(known),
        "model": drawn.get("model"),
        "adapter": drawn.get("adapter"),
    }


@functools.cache
def template_sha256(model: str, fingerprint: str | None) -> str | None:
    """sha256 (hex) of the model's chat template; None where the model is not here, or not the one that was sampled."""
    from selfboot.models.chat import template_text
    from selfboot.models.find import find_model, spec_of
    from selfboot.models.load import load_tokenizer
    from selfboot.models.spec import fingerprint as of

    try:
        spec = spec_of(find_model(model))
        if of(spec) != fingerprint:
            return None
        text = template_text(spec.chat_template) if spec.chat_template else load_tokenizer(spec).chat_template
    except SelfbootError:  # the model is not on this machine
        return None
    return sha256(text) if text else None


def sha256(text: str) -> str:
    """sha256 (hex) of a text in UTF-8."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _task(one: Portable, place: int) -> dict[str, Any]:
    task, attempts = one.score.tasks[place], one.score.attempts[place]
    prompted = "prompts.jsonl" in one.samples.get("files", {})
    return {
        "task_id": task.id,
        "prompt_sha256": sha256(task.prompt) if prompted else None,
        "attempts": [
            {
                "completion": drawn["text"],
                "passed": attempt.status == "passed",
                "status": attempt.status,
                "detail": attempt.detail,
                "class": attempt.kind,
                **{name: drawn[name] for name in ("finish", "tokens", "token_hash")},
            }
            for attempt, drawn in zip(attempts, one.drawn[place], strict=True)
        ],
    }


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    text = Path(__file__).with_name("results.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def is_portable(path: Path) -> bool:
    """Does the file look like one of these?"""
    return path.suffix == ".json" and path.is_file()


def read(path: Path) -> dict[str, Any]:
    """The file's content. DataError with the place of what the schema does not allow."""
    from jsonschema.exceptions import best_match

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        error = best_match(_validator().iter_errors(found))
    except (OSError, ValueError, RecursionError) as unread:
        raise DataError(f"{path}: cannot be read ({unread}); export it again") from None
    if error is not None:
        raise DataError(f"{path}: {error.json_path}: {error.message:.200}; see `selfboot export --schema`")
    return dict(found)


@functools.cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


def results_of(tables: Iterable[Mapping[str, Any]], where: str) -> list[Result]:
    """The results of such a file, or of a report.json. DataError naming the place."""
    found = []
    for place, table in enumerate(tables):
        try:
            found.append(from_table({name: value for name, value in table.items() if name not in DERIVED}))
        except DataError as error:
            raise DataError(f"{where}: results[{place}]: {error}") from None
    return found


def sources(path: Path, claim: str, scale: str) -> list[tuple[Arm, Source]]:
    """The completions that a file has of a claim, with the arm that each is of: of real runs, or else of replays.
    DataError where it has none."""
    samples = read(path)["samples"]
    owned = [
        (owner["weights"], place, Arm(**owner["arm"]))
        for place, one in enumerate(samples)
        for owner in one["arms"]
        if (owner["claim"], owner["scale"]) == (claim, scale)
    ]
    real, replayed = (dict.fromkeys(one[1:] for one in owned if one[0] == kind) for kind in ("trained", REPLAYED))
    chosen = real or replayed
    if not chosen:
        raise DataError(f"{path}: holds no completions of {claim} at {scale} scale; export it, or name another --scale")
    if len(models := {samples[place]["model"] for place, _ in chosen}) > 1:
        raise DataError(f"{path}: holds completions of {' and '.join(sorted(models))}; export one of them with --model")
    return [(arm, _source(path, place, samples[place])) for place, arm in chosen]


def _source(path: Path, place: int, one: Mapping[str, Any]) -> Source:
    return Source(f"{path}, samples {one['id']}", rows=tuple(_rows(path, place, one)))


def _rows(path: Path, place: int, one: Mapping[str, Any]) -> Iterable[Row]:
    for at, task in enumerate(one["tasks"]):
        for attempt in task["attempts"]:
            where = f"{path}: samples[{place}].tasks[{at}]"
            yield where, {"task_id": task["task_id"], "completion": attempt["completion"]}
