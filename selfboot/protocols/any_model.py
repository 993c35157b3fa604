"""The small scale: a claim's settings, put to the model that a person has, on as many tasks as they have time for.

    part = Part.read("1/4")
    settings = placed(claim.scales["small"], "HuggingFaceTB/SmolLM2-135M", part)
    settings = fitted(lab, settings)     # the numbers of pairs that the model gave

The protocols are those of the other scales. What they train on, the model mines itself (mining/own.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from selfboot.analysis.prediction import NEEDED
from selfboot.benchmarks.base import split_name
from selfboot.errors import DataError, TooFewPairsError
from selfboot.mining.own import PREFIX, is_own, own_pairs
from selfboot.models.find import find_model, located, own_template
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings

DEFAULT = "smollm2-135m"
PLAIN = "plain"  # of data/templates/


@dataclass(frozen=True)
class Part:
    """The ``number``-th (from 1) of ``of`` parts of every benchmark, each with every ``of``-th task."""

    number: int = 1
    of: int = 1

    @staticmethod
    def read(text: str) -> Part:
        """ "2/4" is the second of four parts. DataError for anything else."""
        number, slash, of = text.partition("/")
        if not (slash and all(one.isascii() and one.isdigit() for one in (number, of)) and 1 <= int(number) <= int(of)):
            raise DataError(f"part {text!r}: expected K/N with K at most N, such as 1/4 for the first of four parts")
        return Part(int(number), int(of))

    @property
    def name(self) -> str:
        """ "" for the whole, else "1of4"."""
        return f"{self.number}of{self.of}" if self.of > 1 else ""

    def of_benchmark(self, name: str) -> str:
        """A benchmark's part by its name: "math500:100" → "math500:100:4:0"; of a part of it, "math500::2:1" →
        "math500::8:1"."""
        if not name or self.of == 1:
            return name
        whole, part = split_name(name)
        step, start = part.step or 1, part.start or 0
        return f"{whole}:{part.stop or ''}:{step * self.of}:{start + step * (self.number - 1)}"


WHOLE = Part()


def measure_of(part: Part, tokens: int) -> str:
    """How much of a claim is run, as case ids and files name it: "1of16-200tokens", "" for the whole."""
    return "-".join(one for one in (part.name, f"{tokens}tokens" if tokens else "") if one)


def template_for(model: str) -> str:
    """ "" where the model has a chat template of its own, else the plain one."""
    if find_model(model).chat_template:
        return ""
    return "" if own_template(located(model, "random").tokenizer) else PLAIN


def placed(settings: Settings, model: str, part: Part) -> Settings:
    """The claim's settings with this model in place, on this part of all its tasks; "" keeps the claim's model."""
    pairs = settings.pairs
    if is_own(pairs):
        pairs = PREFIX + part.of_benchmark(pairs.removeprefix(PREFIX))
    benchmark, options = part.of_benchmark(settings.benchmark), _options(settings.options, part)
    contrast = tuple(_named(name, part) for name in settings.contrast)
    return replace(
        settings, model=model or settings.model, benchmark=benchmark, options=options, pairs=pairs, contrast=contrast
    )


def _options(options: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """The benchmarks among a protocol's options, in part; a miner that counts its seeds counts fewer."""
    found = dict(options)
    if "tasks" in found:
        found["tasks"] = part.of_benchmark(found["tasks"])
    if "also" in found:
        found["also"] = [part.of_benchmark(name) for name in found["also"]]
    if "rounds" in found.get("miner", {}):
        found["miner"] = {**found["miner"], "size": max(1, found["miner"]["size"] // part.of)}
    return found


def _named(figure: str, part: Part) -> str:
    """A figure of another benchmark of the claim ("base, math500"), as the protocol names it."""
    arm, comma, benchmark = figure.partition(", ")
    return f"{arm}{comma}{part.of_benchmark(benchmark)}"


def fitted(lab: LabLike, settings: Settings) -> Settings:
    """The settings with the numbers of pairs that the model's own allow. TooFewPairsError where those are too few for
    the claim: fewer than it asks for, and fewer than the ten from which on the paper trains."""
    if not is_own(settings.pairs):
        return settings
    needed = least(settings)
    own = own_pairs(lab, settings.model, settings.pairs, NEEDED)
    found = len(own.pairs)
    if found < needed:
        raise TooFewPairsError(found, needed, own.where)
    counts = tuple(dict.fromkeys(min(count, found) for count in settings.counts))
    return replace(settings, counts=counts, contrast=_reached(settings, counts))


def least(settings: Settings) -> int:
    """The fewest pairs with which a claim says anything: ten, or all it asks for where that is less; of a sweep two
    points."""
    if settings.counts:
        return max(NEEDED, sorted(settings.counts)[1])
    return min(NEEDED, settings.count or NEEDED)


def _reached(settings: Settings, counts: tuple[int, ...]) -> tuple[str, ...]:
    """A sweep's contrast ends at the most pairs that there are."""
    last = f"{max(settings.counts, default=0)} pairs"
    return tuple(f"{max(counts)} pairs" if figure == last else figure for figure in settings.contrast)
