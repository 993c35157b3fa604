"""Which artifacts do the claims need, and which of them can be made now? Found by running the claims on promises.

A claim's protocol is run with a ``PlanningLab``. What the store holds is read; of what it lacks the lab notes how to
make it and gives a promise instead, and the protocol goes on. So one pass over a claim names everything that can be
made at once, and what waits for it is passed over. When something has been made, the claims that wanted it are planned
again: mining decides what is trained. Two claims that want one artifact want one unit, since a unit's name is the
artifact's address.

Not covered: what a test does beyond its protocol (the second store of the determinism claim, a second strike with fresh
seeds); pytest does that itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from selfboot.errors import SelfbootError
from selfboot.lab import Adapter, AnswerScore, Mined, Score
from selfboot.mining.base import Miner
from selfboot.newmodel.models import OpenLab
from selfboot.planning.cost import selector
from selfboot.protocols.catalogue import run_protocol
from selfboot.records import Item, Pair
from selfboot.registry import SCALES, Claim, Settings, model_entry, registry
from selfboot.store import RunStore

Verb = Literal["evaluate", "evaluate_answers", "mine", "train"]


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
        """GPUs that the model needs: none for an organism."""
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

    @contextmanager
    def _locked(self, kind: str, address: str) -> Iterator[None]:
        raise Missing(kind, address)
        yield


class Promise:
    """Stands for a record that is not there yet: empty where results are looked at, never real."""

    samples: Any = None
    artifact: Any = None
    outcomes: tuple[Any, ...] = ()
    completions: tuple[Any, ...] = ()
    flags: tuple[bool, ...] = ()
    passes: tuple[int, ...] = ()
    oracle: tuple[bool, ...] = ()
    tasks: tuple[str, ...] = ()
    token_hashes: tuple[str, ...] = ()
    records: tuple[Any, ...] = ()
    stages: tuple[Any, ...] = ()
    solved = 0

    @property
    def items(self) -> tuple[Item, ...]:
        """One item that nobody can train on, so that whatever is made of it is a promise too."""
        return (PENDING,)

    pairs = items

    def __init__(self) -> None:
        self.samples = self


PENDING = Pair("", (), "", "", "", {"pending": "yes"})


def pending(value: Any) -> bool:
    """Whether a promise, or an item of one, is in there."""
    if isinstance(value, Promise):
        return True
    return isinstance(value, Sequence) and not isinstance(value, str) and any(one is PENDING for one in value)


class PlanningLab(OpenLab):
    """A Lab that makes nothing: ``wanted`` collects what it was asked for and could not read."""

    store: Reader

    def __init__(self, store: Reader, **options: Any) -> None:
        super().__init__(store, **options)
        self.wanted: dict[str, Unit] = {}
        self.promised = False

    def evaluate(self, *args: Any, **options: Any) -> Score:
        return cast(Score, self._ask("evaluate", args, options))

    def evaluate_answers(self, *args: Any, **options: Any) -> AnswerScore:
        return cast(AnswerScore, self._ask("evaluate_answers", args, options))

    def mine(self, model: str, miner: Miner, seed: int, adapter: Adapter | None = None, recipe: str = "") -> Mined:
        return cast(Mined, self._ask("mine", (model, miner, seed), {"adapter": adapter, "recipe": recipe}))

    def train(
        self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter:
        return cast(Adapter, self._ask("train", (model, items, recipe, seed), {"start_from": start_from}))

    def _ask(self, verb: Verb, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if any(pending(value) for value in (*args, *options.values())):
            self.promised = True
            return Promise()
        try:
            return getattr(super(), verb)(*args, **options)
        except Missing as missing:
            self.promised = True
            self.wanted.setdefault(missing.address, Unit(missing.address, verb, args, options))
            return Promise()


def jobs(marks: str = "", only: str = "", scales: Iterable[str] = SCALES, organism: str = "0") -> list[Job]:
    """Every claim, scale and seed that a marker expression, a part of its id and the scales select; ``organism``: the
    pre-training seed that stands for organism-0, as pytest's option."""
    chosen, wanted = selector(marks), set(scales)

    def ours(settings: Settings) -> bool:
        return settings.model == "organism-0"

    return [
        Job(claim.id, replace(settings, model=f"organism-{organism}") if ours(settings) else settings, seed)
        for claim in registry().values()
        for scale, settings in claim.scales.items()
        if scale in wanted and only in claim.id and settings.protocol and chosen(_marks(claim, scale))
        for seed in settings.seeds or (0,)
    ]


def _marks(claim: Claim, scale: str) -> set[str]:
    return {claim.tier, scale, *(["gpu"] if scale == "paper" else [])}


def plan(job: Job, lab: PlanningLab) -> Iterator[Unit]:
    """What of the job can be made now; sets ``job.wants``, and ``job.problem`` when it cannot be run at all."""
    lab.wanted, lab.promised, job.wants = {}, False, set()
    try:
        run_protocol(lab, job.settings, job.seed)
    except SelfbootError as error:
        job.problem = "" if lab.promised else str(error)
    except Exception:  # a protocol that needs real results to go on: what it asked for so far is asked for
        if not lab.promised:
            raise
    job.wants = set(lab.wanted)
    yield from lab.wanted.values()
