"""A laboratory's results from where they lie: a run store, a report.json, or the results.json of `selfboot export`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfboot.errors import DataError
from selfboot.exchange.portable import SCHEMA, read, results_of
from selfboot.judging.results import REPLAYED, Result, Solved, load
from selfboot.report.evidence import Shelf
from selfboot.report.summary import environment_of

COUNTED = ("trained", REPLAYED)  # else trial runs: random weights, a substitute
KINDS = "a run store, a report.json, or the results.json of `selfboot export`"
Environment = Mapping[str, Sequence[str]]  # what the evidence was made with: every distinct value, by what it is


@dataclass(frozen=True)
class Laboratory:
    """Results that keep their outcomes by task. ``skipped``: names of those that keep none."""

    name: str
    results: tuple[Result, ...]
    environment: Environment
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cases:
    """All cases of one claim at one scale with one model in one laboratory, seeds joined."""

    claim: str
    scale: str
    model: str
    results: tuple[Result, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.claim, self.scale, self.model

    @property
    def contrast(self) -> tuple[str, ...]:
        return self.results[0].contrast

    @property
    def rows(self) -> list[Solved]:
        """Every arm and seed once."""
        return list({(one.name, one.arm.seed): one for result in self.results for one in result.solved}.values())

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(one.name for one in self.rows))

    def arm(self, name: str) -> list[Solved]:
        return [one for one in self.rows if one.name == name]

    @property
    def verdicts(self) -> str:
        """ "as calibrated", or "3 as calibrated, 1 drifted"."""
        found = [result.verdict for result in self.results]
        counts = [f"{found.count(one)} {one}" for one in dict.fromkeys(found)]
        return found[0] if len(found) == 1 else ", ".join(counts)


def read_laboratory(path: Path) -> Laboratory:
    """What lies at ``path``. DataError where it is none of the three, or no result keeps its outcomes by task."""
    results, environment = _store(path) if path.is_dir() else _file(path)
    counted = [one for one in results if one.weights in COUNTED]
    kept = tuple(one for one in counted if one.solved)
    if not kept:
        why = (
            "its results keep no outcomes by task (an earlier version wrote them)"
            if counted
            else "holds no results of real runs"
        )
        raise DataError(f"{path}: {why}; run the claims again there, what was made before is read from the store")
    return Laboratory(str(path), kept, environment, tuple(one.name for one in counted if not one.solved))


def _store(path: Path) -> tuple[list[Result], Environment]:
    places = (path, path / "store", path / ".selfboot" / "store")
    root = next((one for one in places if (one / "results").is_dir()), None)
    if root is None:
        raise DataError(f"{path}: is no run store (it has no results/); name {KINDS}")
    results, shelf = load(root / "results"), Shelf(root)
    for one in (one for result in results for one in result.evidence):
        shelf.manifest(one.kind, one.id)
    return results, dict(environment_of(shelf.manifests()))


def _file(path: Path) -> tuple[list[Result], Environment]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        form = table.get("schema", "report" if "results" in table else "")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); name {KINDS}") from None
    if form == SCHEMA:
        found = read(path)
        return results_of(found["results"], str(path)), dict(environment_of(_manifests(found["samples"])))
    if form != "report":
        raise DataError(f"{path}: holds no results; name {KINDS}")
    return results_of(
        [*table["results"], *table.get("replayed", ()), *table.get("trial_runs", ())], str(path)
    ), table.get("environment", {})


def _manifests(samples: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """What an exported file says of its artifacts, as their manifests do."""
    for one in samples:
        for phase, kind in (("sampling", "samples"), ("grading", one["kind"])):
            known = one["environment"].get(phase, {})
            about = {"model": one["model"]} if kind == "samples" else {}
            key = {name: known[name] for name in ("code", "versions") if name in known}
            key |= {"model": one["hashes"]["model"]} if kind == "samples" else {}
            yield {"kind": kind, "key": key, "provenance": {**known, **about}}


def cases_of(laboratory: Laboratory) -> dict[tuple[str, str, str], Cases]:
    """The laboratory's results by claim, scale and model."""
    found: dict[tuple[str, str, str], list[Result]] = {}
    for one in laboratory.results:
        found.setdefault((one.claim, one.scale, one.model), []).append(one)
    return {key: Cases(*key, tuple(results)) for key, results in found.items()}
