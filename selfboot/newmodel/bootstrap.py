"""The whole recipe on any model: mine, audit, train, evaluate, judge; the adapter with its card in one folder.

    with OpenLab(RunStore(Path("store"))) as lab:
        done = bootstrap(lab, "organism-0", Wish(pairs=40), Path("adapter"))

Every step is an artifact of the run store, so a run that was killed goes on where it was and ends with the same bytes.
The folder is in peft's format: transformers loads it by ``PeftModel.from_pretrained``, vLLM as a LoRA request.
Not covered: answers in mathematics, and more than one training seed (the claims show how much seeds differ).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from selfboot import __version__
from selfboot.analysis.audit import Audit, audit
from selfboot.analysis.paired import paired_test
from selfboot.analysis.prediction import NEEDED
from selfboot.benchmarks.base import Benchmark, load_benchmark
from selfboot.errors import DataError
from selfboot.lab import Adapter, Mined, Score, machine
from selfboot.mining.catalogue import METHODS, make_miner, usual_seeds
from selfboot.models.find import find_model, is_organism
from selfboot.models.spec import HUB_ID, fingerprint
from selfboot.newmodel.measure import default_benchmark, part
from selfboot.newmodel.models import OpenLab
from selfboot.pairs import pairs_sha256, pairs_text
from selfboot.records import Item
from selfboot.registry import recipes
from selfboot.store import write_atomic

NAMES = {"bootstrap": "bootstrap", "multi-pair": "multi-pair", "curriculum": "curriculum-code", "seeded": "seeded"}
MINE_SHARE = 0.8  # of the time that a budget leaves for it; the rest is for training and what took longer than thought
ALPHA = 0.05


@dataclass(frozen=True)
class Wish:
    """What is asked for. Empty ``benchmark``, ``recipe``, ``seeds``: what suits the model (a mini model or not).

    ``tasks``: score on so many tasks drawn at random (0: all). ``seconds``: the time that all of it may take (0: no
    limit); it decides, after one round, how many rounds are mined, so methods that are given their tasks take none.
    ``settings``: of the miner, beside its defaults.
    """

    method: str = "bootstrap"
    pairs: int = 40
    seed: int = 7
    benchmark: str = ""
    tasks: int = 0
    recipe: str = ""
    seeds: str = ""
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Done:
    """What came of it. ``adapter`` empty: too few items, nothing was trained. Scores are tasks solved of ``n``."""

    model: str
    wish: dict[str, Any]
    benchmark: str
    n: int
    before: int
    after: int | None
    p: float | None
    verdict: str
    items: int
    dropped: int
    audit: dict[str, int]
    hashes: dict[str, str]
    seconds: dict[str, float]

    def table(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return asdict(self)


def bootstrap(lab: OpenLab, model: str, wish: Wish, out: Path) -> Done:
    """Run the recipe and write ``out``: adapter, README.md, pairs.jsonl, bootstrap.json. DataError for a bad wish."""
    _refuse_endless(wish)
    bench = benchmark(model, wish)
    recipe = wish.recipe or ("mini" if bench.name.startswith("mini") else "paper-rank16")
    if recipe not in recipes():
        raise DataError(f"unknown recipe {recipe!r}; data/recipes.toml knows: {', '.join(recipes())}")
    make_miner(*_way(model, wish))  # a method, or seeds, that there are not are said before anything is scored
    before = lab.score(model, bench)
    mined = harvest(lab, model, wish, recipe, before)
    found, items = checked(lab, mined, bench)
    adapter = _train(lab, model, mined, items, recipe, wish)
    after = lab.score(model, bench, adapter=adapter) if adapter else None
    done = _done(lab, model, wish, bench, before, after, mined, found, items, adapter)
    _write(out, done, adapter, items, _base_name(model), recipe)
    return done


def _refuse_endless(wish: Wish) -> None:
    """A budget decides the number of rounds; a method that goes through given tasks has none to leave out."""
    if wish.seconds and METHODS[NAMES.get(wish.method, "bootstrap")].seeds:
        raise DataError(
            f"method {wish.method!r} goes through all its tasks, a budget of {wish.seconds:.0f} s cannot shorten it; "
            "leave --budget and --max-cost out and name fewer tasks, e.g. --seeds mbpp-train:50"
        )


def benchmark(model: str, wish: Wish) -> Benchmark:
    """What is scored on, before and after."""
    whole = load_benchmark(wish.benchmark or default_benchmark(find_model(model)))
    return part(whole, wish.tasks, wish.seed)


def _way(model: str, wish: Wish) -> tuple[str, str]:
    """The wished method's name in mining/catalogue.py, and the benchmark of its seeds."""
    if wish.method not in NAMES:
        raise DataError(f"unknown method {wish.method!r}; known: {', '.join(NAMES)}")
    name = NAMES[wish.method]
    return name, wish.seeds or usual_seeds(name, is_organism(find_model(model)))


def harvest(lab: OpenLab, model: str, wish: Wish, recipe: str, before: Score) -> Mined:
    """Mine by the wished method; under a budget, as many rounds as one round's time says fit."""
    name, seeds = _way(model, wish)
    settings = {"target": wish.pairs, **wish.settings}
    trains = recipe if METHODS[name].trains else ""
    if wish.seconds:
        probe = lab.mine(model, make_miner(name, seeds, {**settings, "steps": 1}), wish.seed, recipe=trains)
        settings["steps"] = rounds(wish.seconds, before, probe, make_miner(name, seeds, settings).steps)
    return lab.mine(model, make_miner(name, seeds, settings), wish.seed, recipe=trains)


def rounds(seconds: float, before: Score, probe: Mined, most: int) -> int:
    """Rounds of mining that fit into ``seconds``: what two scorings and the probe leave, by the probe's own time.

    The probe and the score are artifacts, so the answer is the same when a killed run asks again.
    """
    scoring = before.artifact.seconds + before.samples.artifact.seconds
    left = MINE_SHARE * (seconds - 2 * scoring - probe.artifact.seconds)
    return max(1, min(most, int(left / max(probe.artifact.seconds, 1e-3))))


def checked(lab: OpenLab, mined: Mined, bench: Benchmark) -> tuple[Audit, list[Item]]:
    """The audit of what was mined, and the items without those that it finds an error in (of repetitions, the first
    stays). Where the model was trained in between, what it was trained on stands."""
    found = audit(pairs_text(mined.items), lab.grader, bench.name, bench.tasks)
    bad = {line for f in found.failed() for line in (f.lines[1:] if f.check == "duplicate" else f.lines)}
    kept = [item for line, item in enumerate(mined.items, 1) if line not in bad]
    return found, list(mined.items) if mined.stages else kept


def _train(lab: OpenLab, model: str, mined: Mined, items: Sequence[Item], recipe: str, wish: Wish) -> Adapter | None:
    if mined.stages:
        return lab.train_stages(model, mined.stages, recipe, wish.seed)
    enough = len(items) >= min(NEEDED, wish.pairs)
    return lab.train(model, items, recipe, wish.seed) if enough else None


def _done(
    lab: OpenLab,
    model: str,
    wish: Wish,
    bench: Benchmark,
    before: Score,
    after: Score | None,
    mined: Mined,
    found: Audit,
    items: Sequence[Item],
    adapter: Adapter | None,
) -> Done:
    test = paired_test([before.flags], [after.flags]) if after else None
    hashes = {"model": fingerprint(lab.spec(model)), "items": pairs_sha256(items)}
    hashes |= {"benchmark": bench.sha256, "adapter": adapter.sha256 if adapter else ""}
    parts: dict[str, Score | Mined] = {"score before": before, "mining": mined}
    if after:
        parts["score after"] = after
    seconds = {label: one.artifact.seconds for label, one in parts.items()}
    seconds |= {"training": adapter.artifact.seconds} if adapter else {}
    return Done(
        model=find_model(model).name,
        wish={**asdict(wish), "settings": dict(wish.settings)},
        benchmark=bench.name,
        n=len(bench.tasks),
        before=before.solved,
        after=after.solved if after else None,
        p=test.two_sided if test else None,
        verdict=_verdict(before, after, test.two_sided if test else 1.0, len(items)),
        items=len(items),
        dropped=len(mined.items) - len(items),
        audit=found.counts,
        hashes=hashes,
        seconds={label: round(value, 1) for label, value in seconds.items()},
    )


def _verdict(before: Score, after: Score | None, p: float, items: int) -> str:
    if after is None:
        return f"not trained: only {items} usable pairs"
    if p > ALPHA:
        return "no clear change"
    return "improved" if after.solved > before.solved else "worse"


# The folder


def _base_name(model: str) -> str:
    """What an adapter's config calls its base: the hub id where there is one."""
    source = find_model(model).source
    return source if HUB_ID.fullmatch(source) and not source.startswith("fixtures/") else model


def _write(out: Path, done: Done, adapter: Adapter | None, items: Sequence[Item], base: str, recipe: str) -> None:
    """The whole folder or nothing of it."""
    if out.exists() and not (out / "bootstrap.json").is_file() and any(out.iterdir()):
        raise DataError(f"{out}: there is something else in that folder; name another --out")
    half = out.with_name(f".{out.name}.half-{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    if adapter is not None:
        for name in ("adapter_model.safetensors", "training.json"):
            shutil.copyfile(adapter.path / name, half / name)
        config = json.loads((adapter.path / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = base
        write_atomic(half / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
    write_atomic(half / "pairs.jsonl", pairs_text(items))
    write_atomic(half / "bootstrap.json", json.dumps({**done.table(), "machine": machine()}, indent=1) + "\n")
    write_atomic(half / "README.md", card(done, base, recipe))
    shutil.rmtree(out, ignore_errors=True)
    half.rename(out)


CARD = """\
---
base_model: {base}
library_name: peft
tags: [lora, self-improvement, selfboot]
---
# {model}, trained on its own mistakes

{verdict}: {before} → {after} of {n} tasks of {benchmark}{part} (greedy, chat format{p}).

A LoRA adapter made by `selfboot bootstrap` {version}: the model invented problems with tests, attempted them, and its
own failures and successes became {items} training items ({method}; {dropped} more were left out by the audit). No
answer of another model or person is among them{seeds}. The items are in `pairs.jsonl`.

| | |
|---|---|
| recipe | {recipe}: {recipe_text} |
| seed | {seed} |
| audit | {audit} |
| seconds | {seconds} |
{hashes}

One training seed is one draw: scores of several seeds differ by several tasks. `bootstrap.json` holds all of this as
data. Use: `PeftModel.from_pretrained(base, folder)`, or a LoRA request in vLLM.
"""


def card(done: Done, base: str, recipe: str) -> str:
    """The model card: data, seed, scores, hashes."""
    settings = ", ".join(f"{name} {value}" for name, value in recipes()[recipe].items())
    seeds = ", but the tasks are given ones" if done.wish["method"] == "seeded" else ""
    return CARD.format(
        base=base,
        model=done.model,
        verdict=done.verdict.capitalize(),
        before=done.before,
        after="not trained" if done.after is None else done.after,
        n=done.n,
        benchmark=done.benchmark,
        part=", drawn at random" if done.wish["tasks"] else "",
        p="" if done.p is None else f"; exact McNemar p = {done.p:.2g}",
        version=__version__,
        items=done.items,
        method=done.wish["method"],
        dropped=done.dropped,
        seeds=seeds,
        recipe=recipe,
        recipe_text=settings,
        seed=done.wish["seed"],
        audit=", ".join(f"{check} {count}" for check, count in done.audit.items()) or "nothing found",
        seconds=", ".join(f"{name} {value:g}" for name, value in done.seconds.items()),
        hashes="\n".join(f"| sha256, {name} | `{value}` |" for name, value in done.hashes.items() if value),
    )
