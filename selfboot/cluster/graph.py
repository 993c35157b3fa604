"""Which artifacts do the claims need, and which of them can be made now? Found by running the claims on promises.

A claim's protocol is run dry (protocols/dryrun.py). What the store holds is read; of what it lacks a unit says how to
make it, and the protocol goes on with a promise. So one pass over a claim names everything that can be made at once,
and what waits for it is passed over. When something has been made, the claims that wanted it are planned
again: mining decides what is trained. Two claims that want one artifact want one unit, since a unit's name is the
artifact's address.

Not covered: what a test does beyond its protocol (the second store of the determinism claim, a retry with fresh
seeds); pytest does that itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from selfboot.errors import SelfbootError
from selfboot.judging.seeds import with_seeds
from selfboot.newmodel.models import OpenLab
from selfboot.planning.selection import selector
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun, Step, Verb
from selfboot.registry import SCALES, Claim, Settings, model_entry, registry
from selfboot.store import RunStore


@dataclass(frozen=True)
class Unit:
    """One call of the Lab whose artifact the store lacks: ``address`` is the first one that is missing."""

    address: str
    verb: Verb
    args: tuple[Any, ...] = field(hash=False)
    options: Mapping[str, Any] = field(hash=False)

    @property
    def model(self) -> str:
        return str(self.args[0])

    @property
    def gpus(self) -> int:
        """GPUs that the model needs: none for a mini model."""
        entry = model_entry(self.model)
        return entry.tensor_parallel if entry.gpu_gb else 0

    def same_call(self, other: Unit) -> bool:
        """Whether both make the same. Addresses need not agree: of a unit under way, a part may be there by now."""
        return (self.verb, self.args, self.options) == (other.verb, other.args, other.options)

    def __str__(self) -> str:
        return f"{self.verb} {self.model} ({self.address[:16]})"


@dataclass
class Job:
    """A claim at one scale with one seed. ``wants``: units it waits for; ``problem``: why it cannot be planned."""

    claim: str
    settings: Settings = field(repr=False)
    seed: int
    wants: set[str] = field(default_factory=set)
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.claim}[{self.seed}]"


class Missing(Exception):
    """An artifact that is not in the store."""

    def __init__(self, kind: str, address: str) -> None:
        super().__init__(f"{kind}-{address}")
        self.address = f"{kind}-{address}"


class Reader(RunStore):
    """A run store that only reads: where another would build, it raises ``Missing``."""

    def _turn(self, kind: str, address: str) -> AbstractContextManager[None]:
        raise Missing(kind, address)


def jobs(
    marks: str = "", only: str = "", scales: Iterable[str] = SCALES, organism: str = "0", seeds: str = ""
) -> list[Job]:
    """Every claim, scale and seed that a marker expression, a part of its id and the scales select; ``organism``: the
    pre-training seed that stands for organism-0, as pytest's option; ``seeds``: how many at the paper's scale, too."""
    chosen, wanted = selector(marks), set(scales)

    def ours(settings: Settings) -> bool:
        return settings.model == "organism-0"

    return [
        Job(claim.id, replace(settings, model=f"organism-{organism}") if ours(settings) else settings, seed)
        for claim in (with_seeds(claim, seeds) for claim in registry().values())
        for scale, settings in claim.scales.items()
        if scale in wanted and only in claim.id and settings.protocol and chosen(_marks(claim, scale))
        for seed in settings.seeds or (0,)
    ]


def _marks(claim: Claim, scale: str) -> set[str]:
    return {claim.tier, scale, *(["gpu"] if scale == "paper" else [])}


def plan(job: Job, lab: OpenLab) -> Iterator[Unit]:
    """What of the job can be made now, where ``lab`` reads from a ``Reader``; sets ``job.wants``, and ``job.problem``
    when it cannot be run at all."""
    wanted: dict[str, Unit] = {}

    def known(step: Step) -> Any:
        try:
            return getattr(lab, step.verb)(*step.args, **step.options)
        except Missing as missing:
            unit = Unit(missing.address, step.verb, step.args, step.options)
            wanted.setdefault(missing.address, unit)
            return None

    run = DryRun(lab, known)
    try:
        run_protocol(run, job.settings, job.seed)
    except SelfbootError as error:
        job.problem = "" if run.steps else str(error)
    job.wants = set(wanted)
    yield from wanted.values()
