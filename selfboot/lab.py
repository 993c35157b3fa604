"""The Lab: the one object that a claim or a script holds. A few verbs, each giving back a small frozen record.

    lab = Lab(RunStore(Path(".selfboot/store")))
    base = lab.evaluate("organism-0", "minieval")
    pairs = lab.mine("organism-0", BootstrapMiner(target=40), seed=7)
    adapter = lab.train("organism-0", pairs.pairs, "mini", seed=7)
    lab.evaluate("organism-0", "minieval", adapter=adapter).solved
    lab.evaluate_answers("organism-0", "minimath", adapter=adapter).solved

Each result is an artifact of the run store, keyed by everything that determines it: hashes of model, adapter, prompts,
pairs and tests, settings, seed, engine and library versions, and the logic of our own code. Asked again, it is read.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from selfboot import keys
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_answers, load_any, load_benchmark
from selfboot.engines.engines import Choice, Engines, ModelRef
from selfboot.engines.gpu import on_ours, our_gpus
from selfboot.engines.memory import check_limit
from selfboot.errors import DataError, UnavailableError
from selfboot.formats import AnswerFormat, Chat, CodeFormat, answer_format, code_format
from selfboot.formats.examples import training_example
from selfboot.formats.few_shot import FewShot
from selfboot.formats.paper import PaperAnswerFormat, PaperCodeFormat
from selfboot.formats.paper.reread import RereadAnswers, RereadCode
from selfboot.grading.scripts import grade_scripts, script_tests
from selfboot.keys import code_hash
from selfboot.mining.alarm import alarms
from selfboot.mining.base import Miner, MiningContext, Record, Stages, derive, describe, run_miner
from selfboot.mining.catalogue import make_miner
from selfboot.mining.own import is_own, own_pairs
from selfboot.mining.scripts import script_miner
from selfboot.models.chat import chat_of, template_text
from selfboot.models.find import find_model, spec_of, turn_ends
from selfboot.models.shape import random_init_spec
from selfboot.models.spec import ModelSpec, locate
from selfboot.pairs import load_pairs, write_pairs
from selfboot.progress import Progress, Silent, counter
from selfboot.records import CodeJob, Completion, Item, Outcome, Pair, Sampling
from selfboot.registry import ModelEntry, model_entry, recipes
from selfboot.sampling.base import Sampler
from selfboot.sampling.meter import Clock, Meter, Spent
from selfboot.sampling.pieces import PIECE_TOKENS, draw_in_pieces, pieces
from selfboot.sampling.short import ShortSampler, short
from selfboot.storage.manifest import check_loaded
from selfboot.store import Artifact, Builder, RunStore, digest, file_sha256

if TYPE_CHECKING:
    from selfboot.grading.answers import AnswerGrader, AnswerOutcome
    from selfboot.grading.code import CodeGrader
    from selfboot.grading.pool import Limit

T = TypeVar("T")
GREEDY = Sampling()
WEIGHTS = "adapter_model.safetensors"


class Passing(Protocol):
    """An outcome of any kind."""

    @property
    def passed(self) -> bool: ...


@dataclass(frozen=True)
class Samples:
    """``completions[i]`` are prompt i's, ``n`` of them."""

    artifact: Artifact
    completions: tuple[tuple[Completion, ...], ...]


@dataclass(frozen=True)
class Drawn:
    """Hashes of what a score's completions were drawn with, and of their tokens; ``adapter`` "": none."""

    model: str
    engine: str
    adapter: str
    tokens: str


class Tally:
    """What can be read off the outcomes of a benchmark's tasks, whatever kind they are: ``outcomes[task][sample]``."""

    samples: Samples
    outcomes: Sequence[Sequence[Passing]]

    @property
    def token_hashes(self) -> list[str]:
        """Hashes of the drawn tokens of every completion."""
        return [c.token_hash for row in self.samples.completions for c in row]

    @property
    def drawn(self) -> Drawn:
        """What the completions were drawn with, as the samples' manifest has it."""
        key = self.samples.artifact.manifest["key"]
        return Drawn(digest(key["model"]), digest(key["engine"]), key["adapter"] or "", digest(self.token_hashes))

    @property
    def flags(self) -> list[bool]:
        """Per task: did the first completion pass?"""
        return [row[0].passed for row in self.outcomes]

    @property
    def solved(self) -> int:
        """Tasks whose first completion passes (with greedy sampling: the score)."""
        return sum(self.flags)

    @property
    def passes(self) -> list[int]:
        """Per task: how many of its completions pass (for unbiased pass@k)."""
        return [sum(o.passed for o in row) for row in self.outcomes]

    @property
    def oracle(self) -> list[bool]:
        """Per task: does any completion pass? (best-of-n with an oracle, §3.3)"""
        return [passes > 0 for passes in self.passes]


@dataclass(frozen=True)
class Score(Tally):
    """The outcome of every completion on every task of a code benchmark."""

    artifact: Artifact
    samples: Samples
    tasks: tuple[str, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


@dataclass(frozen=True)
class AnswerScore(Tally):
    """The same on an answer benchmark; ``passed`` is the reading that the format counts, strict or lenient."""

    artifact: Artifact
    samples: Samples
    tasks: tuple[str, ...]
    outcomes: tuple[tuple[AnswerOutcome, ...], ...]


@dataclass(frozen=True)
class Mined:
    """What a miner found, the records of how it came about, and the trainings that its rounds lead up to."""

    artifact: Artifact
    items: tuple[Item, ...]
    stages: Stages
    records: tuple[Record, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The items that are code pairs."""
        return tuple(item for item in self.items if isinstance(item, Pair))

    @property
    def path(self) -> Path:
        """The items as JSON Lines."""
        return self.artifact.path / "pairs.jsonl"


@dataclass(frozen=True)
class Adapter:
    """A trained adapter in peft's format; ``sha256`` is the hash of its weights."""

    artifact: Artifact
    sha256: str

    @property
    def path(self) -> Path:
        return self.artifact.path


class Lab:
    """A store, engines and a grader.

    ``weights="random"`` puts the random-init model in every model's place: the proof that positive claims can fail.
    ``engine`` draws completions (engines.py), on ``device`` what is not of the paper's scale. ``isolation`` is the
    grader's level ("auto": the strongest that the machine has), and no score of a weaker level is read in its place;
    ``graders`` are its processes, ``rows`` decoded together at most (None: default);
    ``batch_invariant``: vLLM's engines draw the same whatever else is in the batch, and are slower.
    ``tokens`` caps every completion, for trial runs whose only question is whether anything passes;
    ``chat_template`` is used in place of every model's own (models/chat.py).
    Models, engines and the grader's workers start when first needed; ``close`` ends them.
    """

    def __init__(
        self,
        store: RunStore,
        *,
        device: str = "cpu",
        engine: Choice = "auto",
        batch_invariant: bool = False,
        weights: str = "trained",
        isolation: str = "auto",
        graders: int | None = None,
        rows: int | None = None,
        tokens: int | None = None,
        chat_template: str = "",
        progress: Progress | None = None,
    ) -> None:
        check_limit()
        self.store, self.weights, self.isolation, self.graders = store, weights, isolation, graders
        self.tokens, self.chat_template = tokens, chat_template
        self.engines = Engines(engine, device, rows, batch_invariant=batch_invariant)
        self.progress: Progress = progress or Silent()
        self._spent = Spent()  # on drawing, by all that this Lab has drawn
        self._grader: CodeGrader | None = None
        self._measured: dict[str, list[Limit]] = {}  # time limits by the hash of the benchmark
        self._answers: AnswerGrader | None = None
        self._specs: dict[str, ModelSpec] = {}
        self._benchmarks: dict[tuple[Callable[[str], Any], str], Any] = {}

    # What things are

    def entry(self, model: str) -> ModelEntry:
        """What is known of the model called ``model``, any that ``find_model`` knows, as our GPUs run it."""
        return on_ours(find_model(model))

    def spec(self, model: str) -> ModelSpec:
        """The model called ``model``, as this lab runs it."""
        if model not in self._specs:
            entry = self.entry(model)
            spec = spec_of(entry)
            if self.chat_template:
                ends = turn_ends(template_text(self.chat_template))
                stops = tuple(dict.fromkeys((*entry.stop_tokens, *ends)))
                spec = replace(spec, chat_template=self.chat_template, stop_tokens=stops)
            self._specs[model] = self._random(entry, spec) if self.weights == "random" else spec
        return self._specs[model]

    def _random(self, entry: ModelEntry, spec: ModelSpec) -> ModelSpec:
        """Its random-init version; where nothing of it is here, from its shape and the mini model's tokenizer."""
        try:
            locate(spec.random_init())
            return spec.random_init()
        except UnavailableError:
            if entry.shape is None:
                raise
        own = model_entry("organism-0")
        folder = self.store.root / "random-init"
        made = random_init_spec(entry.name, entry.shape, own.tokenizer, own.stop_tokens, folder)
        return replace(made, quantization=entry.quantization)

    def _model_ref(self, model: str, adapter: Adapter | None) -> ModelRef:
        spec = self.spec(model)
        given = (adapter.path, adapter.sha256) if adapter else None
        return ModelRef(self.entry(model), spec, lambda: _tokenizer(spec), given)

    def chat(self, model: str) -> Chat:
        """How the model is talked to: its own chat template, or the one named for it."""
        return _chat(self.spec(model))

    @property
    def grader(self) -> CodeGrader:
        """The code grader, started when first needed."""
        if self._grader is None:
            from selfboot.grading.code import CodeGrader

            self._grader = CodeGrader(workers=self.graders, isolation=self.isolation)
            self._grader.__enter__()
        return self._grader

    @property
    def answers(self) -> AnswerGrader:
        """The answer grader, started when first needed."""
        if self._answers is None:
            from selfboot.grading.answers import AnswerGrader

            self._answers = AnswerGrader(workers=self.graders)
            self._answers.__enter__()
        return self._answers

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark:
        """The benchmark called ``name``, of programs or of answers; a part of it by ``NAME:200``."""
        return self._loaded(load_any, name)

    def pairs(self, model: str, name: str) -> list[Pair]:
        """The pairs called ``name`` for a model, mined where they are its own ("own:SEEDS", mining/own.py); with random
        weights, substitute pairs for those that are not here."""
        if is_own(name):
            from selfboot.analysis.prediction import NEEDED

            return list(own_pairs(self, model, name, NEEDED).pairs)
        return load_pairs(model, name, substitutes=self.weights == "random")

    def miner(self, method: str, seeds: str = "", settings: Mapping[str, Any] | None = None) -> Miner:
        """A way of mining by its name (selfboot/mining/catalogue.py)."""
        made: Miner = make_miner(method, seeds, settings, self.benchmark)
        return made

    def script_miner(self, file: str) -> Miner:
        """The miner of one of the paper's scripts (selfboot/mining/scripts.py)."""
        return script_miner(file, load=self.benchmark)

    # The verbs

    def sample(
        self,
        model: str,
        prompts: Sequence[str],
        sampling: Sampling = GREEDY,
        seeds: Sequence[int] | None = None,
        adapter: Adapter | None = None,
        what: str = "sampling",
    ) -> Samples:
        """``sampling.n`` completions for each rendered prompt; ``seeds`` (one a prompt) only matter when T > 0."""
        seeds = list(seeds or [0] * len(prompts))
        sampling = short(sampling, self.tokens)
        key = {
            **self._model_key(model, adapter),
            "prompts": digest(list(prompts)),
            "sampling": sampling,
            "seeds": digest(seeds) if sampling.temperature > 0 else None,
            "code": code_hash(*self.engines.code(self.entry(model))),
        }
        if len(pieces(len(prompts), sampling)) > 1:
            key["piece"] = PIECE_TOKENS

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            samplers, before = self._samplers(model, adapter), self._spent.copy()
            done = counter(self.progress, f"{what} ({model})", len(prompts))
            completions = draw_in_pieces(samplers, prompts, sampling, seeds, work, done)
            rows = [[asdict(c) for c in row] for row in completions]
            write_rows(out / "completions.jsonl", rows)
            write_rows(out / "prompts.jsonl", prompts)  # for the report: what exactly was asked
            about = {"model": model, "weights": self.weights, "engine": samplers[0].engine, "machine": machine()}
            return {**about, "spent": self._spent.since(before)}

        artifact = self.store.get("samples", key, build)
        rows = _rows(artifact.text("completions.jsonl"))
        return Samples(artifact, tuple(tuple(Completion(**c) for c in row) for row in rows))

    def evaluate(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str | CodeFormat = "",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
        timeout_s: float = 0.0,
    ) -> Score:
        """The model's score on a code benchmark, in its usual format if none is named: every completion, graded.

        ``sampling`` None: greedy, as long as the benchmark's completions may get. A format of the paper's is graded by
        the paper's verdict (grading/scripts.py). ``timeout_s``: seconds a program may take (0: the grader's own).
        """
        bench = self._loaded(load_benchmark, benchmark)
        form = code_format(format or bench.format, stop) if isinstance(format, str) else format
        samples = self._drawn(model, bench, form, adapter, sampling, seed)
        programs = [
            [form.program(task, c.text) for c in row]
            for task, row in zip(bench.tasks, samples.completions, strict=True)
        ]
        return self._grade(bench, samples, programs, timeout_s, by_script(form))

    def evaluate_answers(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str = "",
        sampling: Sampling | None = None,
        seed: int = 0,
    ) -> AnswerScore:
        """The model's score on an answer benchmark; as ``evaluate``."""
        bench = self._loaded(load_answers, benchmark)
        form = answer_format(format or bench.format)
        samples = self._drawn(model, bench, form, adapter, sampling, seed)
        return self._grade_answers(bench, samples, form)

    def draw(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str | CodeFormat = "",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
        **grading: Any,
    ) -> Samples:
        """The completions that ``evaluate`` or ``evaluate_answers`` would grade, given the same; ungraded."""
        bench = self.benchmark(benchmark)
        form: CodeFormat | AnswerFormat
        if isinstance(bench, AnswerBenchmark):
            form = answer_format(str(format) or bench.format)
        else:
            form = code_format(format or bench.format, stop) if isinstance(format, str) else format
        return self._drawn(model, bench, form, adapter, sampling, seed)

    def mine(self, model: str, miner: Miner, seed: int, adapter: Adapter | None = None, recipe: str = "") -> Mined:
        """What ``miner`` gets out of the model. Killed at any moment, it resumes to the very same items.

        ``recipe``: how miners that train in between do so; a fresh adapter begins where ``adapter`` ends.
        """
        key = {
            **self._model_key(model, adapter),
            "miner": [type(miner).__name__, describe(miner)],
            "seed": seed,
            "prompts": file_sha256(_prompts_file()),
            "training": self._training_key(recipe) if recipe else None,
            **({"dropout": code_hash(*keys.DROPOUT)} if _noisy(miner) else {}),
            **({"tokens": self.tokens} if self.tokens else {}),
            "code": code_hash(
                *self.engines.code(self.entry(model)), *keys.MINING, *keys.GRADING, *keys.ANSWERS, *_modules(miner)
            ),
            **getattr(miner, "key", {}),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            sampler, before = self._samplers(model, adapter)[0], self._spent.copy()
            context = MiningContext(
                sampler,
                OnDemand(lambda: self.grader),
                self.chat(model),
                seed,
                OnDemand(lambda: self.answers),
                (lambda stages: self._trained(model, stages, recipe, seed, adapter, _noisy(miner))) if recipe else None,
            )
            records = run_miner(miner, context, work, self.progress)
            write_pairs(out / "pairs.jsonl", miner.items(records))
            write_rows(out / "records.jsonl", records)
            return {
                "model": model,
                "weights": self.weights,
                "items": len(miner.items(records)),
                "alarms": alarms(miner, records),
                "steps": len(records),
                "engine": sampler.engine,
                "grader": self._grader.manifest if self._grader else {},
                "machine": machine(),
                "spent": self._spent.since(before),
            }

        artifact = self._graded("pairs", key, build)
        records = _rows(artifact.text("records.jsonl"))
        return Mined(artifact, tuple(miner.items(records)), miner.stages(records), tuple(records))

    def train(
        self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter:
        """A LoRA adapter trained on pairs and solved problems by a recipe of data/recipes.toml; with gradient
        checkpointing where the GPU's free memory asks for it. On a GPU in a process of its own (engines.py).

        ``start_from``: the adapter to continue; None: a fresh one.
        """
        from selfboot.training.memory import judged
        from selfboot.training.process import Training
        from selfboot.training.recipe import Recipe

        spec, settings = self.spec(model), dict(self._recipe(recipe))
        if spec.quantization:
            raise UnavailableError(f"model {model!r}: 4-bit weights are to mine from only; train the model in full")
        form, chat, eos = settings.pop("pair_format"), self.chat(model), _tokenizer(spec).eos_token
        examples = [training_example(item, form, chat, eos) for item in items]
        key = {
            **self._model_key(model, start_from, training=True),
            **self._training_key(recipe),
            "examples": digest([[e.prompt, e.target] for e in examples]),
            "seed": seed,
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            trainer = self.engines.trainer(self.entry(model))
            device, wanted = self.engines.device_of(self.entry(model)), Recipe(**settings)
            gpus = self.engines.training_gpus(self.entry(model))
            memory = judged(self.entry(model), wanted.rank, trainer.free_gb(device, gpus))
            saving = wanted.gradient_checkpointing or memory.checkpointing
            job = Training(
                spec,
                tuple(examples),
                replace(wanted, gradient_checkpointing=saving),
                seed,
                out,
                device,
                work / _checkpoints(device, saving),
                start_from.path if start_from else None,
                gpus,
            )
            done = trainer.train(
                job, lambda done, total: self.progress.update(f"training on {len(items)} items", done, total)
            )
            if start_from:
                check_loaded(start_from.path, start_from.sha256)
            about = {"model": model, "weights": self.weights, "machine": machine(), "memory": asdict(memory)}
            return {**about, "peak_gb": done.peak_gb, "training": done.manifest}

        artifact = self.store.get("adapter", key, build)
        return Adapter(artifact, artifact.manifest["files"][WEIGHTS])

    def train_stages(
        self, model: str, stages: Stages, recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter | None:
        """Trainings one after the other, each continuing the adapter of the one before; no stages: ``start_from``."""
        adapter = start_from
        for items in stages:
            adapter = self.train(model, items, recipe, seed, start_from=adapter)
        return adapter

    # How

    def _drawn(
        self,
        model: str,
        bench: Benchmark | AnswerBenchmark,
        form: CodeFormat | AnswerFormat,
        adapter: Adapter | None,
        sampling: Sampling | None,
        seed: int,
    ) -> Samples:
        """Completions of a benchmark's tasks in a format, each task with a seed of its own."""
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]  # type: ignore[arg-type]
        drawn = replace(sampling or Sampling(bench.tokens), stop=form.stop)
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        return self.sample(model, prompts, drawn, seeds, adapter, what=f"{bench.asked or bench.name}, {form.name}")

    def _graded(self, kind: str, key: Mapping[str, Any], build: Builder) -> Artifact:
        """An artifact that programs were graded for. The level asked for is part of its key, since what "auto" gets is
        known only once a grader has started. One that was asked for otherwise does as well if its manifest says that
        it got that level or a stricter one; for "auto": one that isolates."""
        from selfboot.grading.kernel import LEVELS

        known = ("auto", *LEVELS)
        if self.isolation not in known:
            raise DataError(f"isolation {self.isolation!r}: expected one of {', '.join(known)}")
        least = _strictness("kernel" if self.isolation == "auto" else self.isolation)
        for asked in dict.fromkeys((self.isolation, *known)):
            found = self.store.find(kind, {**key, "isolation": asked})
            if found is not None and (asked == self.isolation or _strictness(_level(found)) >= least):
                return found
        return self.store.get(kind, {**key, "isolation": self.isolation}, build)

    def _grade(
        self,
        bench: Benchmark,
        samples: Samples,
        programs: Sequence[Sequence[str]],
        timeout_s: float = 0.0,
        script: bool = False,
    ) -> Score:
        """``script``: by the paper's verdict, a process that ends with code 0."""
        key: dict[str, Any] = {
            "benchmark": bench.sha256,
            "programs": digest(programs),
            "code": code_hash(*keys.GRADING),
        }
        if script or timeout_s:
            key |= {"script": script and code_hash(*keys.SCRIPT_VERDICT), "timeout_s": timeout_s}

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            from selfboot.grading.code import limited
            from selfboot.grading.pool import Limit

            given = Limit(timeout_s, timeout_s) if timeout_s else None
            tests = script_tests if script and not bench.unittest else bench.tests  # a unittest stands by itself
            jobs = [
                limited(CodeJob(program, task.entry_point, tests(task)), given or limit)
                for task, row, limit in zip(bench.tasks, programs, self._limits(bench), strict=True)
                for program in row
            ]
            by_exit: list[int] = []
            if script:
                found = grade_scripts(self.grader, jobs, says_ok=bench.unittest)
                outcomes = iter([one.outcome for one in found])
                by_exit = [at for at, one in enumerate(found) if one.by_exit]
            else:
                grade = self.grader.grade_unittests if bench.unittest else self.grader.grade
                outcomes = iter(grade(jobs, counter(self.progress, f"grading {bench.name}", len(jobs))))
            write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in programs])
            write_rows(out / "programs.jsonl", programs)  # for the report: what exactly was graded
            return {
                "benchmark": bench.asked or bench.name,
                "weights": self.weights,
                "samples": samples.artifact.id,
                "grader": self.grader.manifest,
                "by_exit": by_exit,  # programs that count only because they end themselves before the tests
                "machine": machine(),
            }

        artifact = self._graded("score", key, build)
        rows = _rows(artifact.text("outcomes.jsonl"))
        outcomes = tuple(tuple(Outcome(**o) for o in row) for row in rows)
        return Score(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

    def _loaded(self, load: Callable[[str], T], name: str) -> T:
        """A benchmark, read and hashed once."""
        if (load, name) not in self._benchmarks:
            self._benchmarks[load, name] = load(name)
        found: T = self._benchmarks[load, name]
        return found

    def _limits(self, bench: Benchmark) -> Sequence[Limit | None]:
        """Time limits by task: by the canonical solutions where right programs may take long, else the grader's own."""
        if not bench.slow:
            return [None] * len(bench.tasks)
        if bench.sha256 not in self._measured:
            tasks = bench.tasks
            canonical = [CodeJob(t.prompt + t.canonical, t.entry_point, bench.tests(t)) for t in tasks]
            self._measured[bench.sha256] = self.grader.calibrate(canonical, slow=True)
        return self._measured[bench.sha256]

    def _grade_answers(self, bench: AnswerBenchmark, samples: Samples, form: AnswerFormat) -> AnswerScore:
        texts = [[c.text for c in row] for row in samples.completions]
        key = {
            "benchmark": bench.sha256,
            "texts": digest(texts),
            "style": form.style,
            "versions": _versions("latex2sympy2_extended", "sympy"),
            "code": code_hash(*keys.ANSWERS),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            pairs = [(text, task.answer) for task, row in zip(bench.tasks, texts, strict=True) for text in row]
            outcomes = iter(self.answers.grade(pairs, form.style))
            write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in texts])
            marks = {"benchmark": bench.asked or bench.name, "weights": self.weights, "style": form.style}
            return {**marks, "samples": samples.artifact.id, "machine": machine()}

        from selfboot.grading.answers import AnswerOutcome

        artifact = self.store.get("answer-score", key, build)
        rows = _rows(artifact.text("outcomes.jsonl"))
        found = [[AnswerOutcome(**o) for o in row] for row in rows]
        outcomes = tuple(
            tuple(replace(o, passed=_right(form, o, text, task.answer)) for o, text in zip(row, said, strict=True))
            for task, row, said in zip(bench.tasks, found, texts, strict=True)
        )
        return AnswerScore(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

    def _trained(
        self, model: str, stages: Stages, recipe: str, seed: int, adapter: Adapter | None, noisy: bool = False
    ) -> Sampler:
        """The model after the stages, for a miner that trains in between; ``noisy``: with its dropout left on."""
        after = self.train_stages(model, stages, recipe, seed, start_from=adapter)
        if noisy and after:
            return self._metered(self.engines.noisy_sampler(self._model_ref(model, after)), lambda: (0, 0.0))
        return self._samplers(model, after)[0]

    def _training_key(self, recipe: str) -> dict[str, Any]:
        return {
            "recipe": self._recipe(recipe),
            "versions": _versions("torch", "transformers", "peft"),
            "code": code_hash(*keys.TRAINING, *(keys.SCRIPTED if self._scripted(recipe) else ())),
        }

    def _scripted(self, recipe: str) -> bool:
        from selfboot.training.recipe import Recipe

        return Recipe(**{key: value for key, value in self._recipe(recipe).items() if key != "pair_format"}).scripted

    def _model_key(self, model: str, adapter: Adapter | None, training: bool = False) -> dict[str, Any]:
        from selfboot.models.spec import fingerprint

        return {
            "model": fingerprint(self.spec(model)),
            "adapter": adapter.sha256 if adapter else None,
            "engine": self.engines.key(self._model_ref(model, adapter), training),
        }

    def _samplers(self, model: str, adapter: Adapter | None) -> list[Sampler]:
        """Samplers that draw alike, one for each GPU that can have an engine of the model (one at least)."""
        ref, engines = self._model_ref(model, adapter), self.engines
        places = range(engines.places(ref.entry))
        return [self._metered(engines.sampler(ref, place), engines.clock(ref, place)) for place in places]

    def _metered(self, sampler: Sampler, clock: Clock) -> Sampler:
        """The sampler with this lab's cap on tokens, its drawing metered."""
        return Meter(ShortSampler(sampler, self.tokens), self._spent, clock)

    def _recipe(self, name: str) -> dict[str, Any]:
        if name not in recipes():
            raise DataError(f"unknown recipe {name!r}; data/recipes.toml knows: {', '.join(recipes())}")
        return recipes()[name]

    def at_batch(self, rows: int) -> Lab:
        """A Lab like this one, over the same store, whose engines decode so many ``rows`` together."""
        return Lab(
            self.store, device=self.engines.device, engine=self.engines.choice, weights=self.weights,
            isolation=self.isolation, graders=self.graders, rows=rows, tokens=self.tokens,
            chat_template=self.chat_template, progress=self.progress,
        )  # fmt: skip

    def close(self) -> None:
        """End the graders' workers and the engines, and drop the models."""
        for grader in (self._grader, self._answers):
            if grader is not None:
                grader.__exit__(None, None, None)
        self._grader = self._answers = None
        self.engines.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def by_script(form: CodeFormat) -> bool:
    """Is a program judged by the paper's verdict? Where the format reads as the paper does, with shots or without."""
    return by_script(form.inner) if isinstance(form, FewShot) else isinstance(form, PaperCodeFormat | RereadCode)


def _right(form: AnswerFormat, outcome: AnswerOutcome, text: str, gold: str) -> bool:
    """Does an answer count? By the paper's rule where the format has one, else by our grader's reading."""
    if isinstance(form, PaperAnswerFormat | RereadAnswers):
        return form.right(text, gold)
    return outcome.strict if form.strict else outcome.lenient


class OnDemand:
    """A grader that starts when it is first used: a miner of code needs no answer grader, and the other way round."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self.start = start

    def grade(self, *args: Any) -> Any:
        return self.start().grade(*args)

    def grade_unittests(self, *args: Any) -> Any:
        return self.start().grade_unittests(*args)


def _checkpoints(device: str, saving: bool) -> str:
    """The folder of a training's checkpoints. Its bits are those of one number of threads and one kind of device
    (training/lora.py), so with others it starts over instead of going on from a checkpoint that does not belong."""
    import torch

    kind = [one.name for one in our_gpus()[:1]] if device.startswith("cuda") else []
    place = [device, kind, platform.machine(), torch.get_num_threads()]
    return f"checkpoints-{digest([place, saving])[:12]}"


def _level(artifact: Artifact) -> str:
    """How strictly an artifact's programs were graded: what its grader got; where none was started (a miner of answers,
    or of code that was graded before a kill), what was asked for."""
    return str(artifact.manifest["provenance"]["grader"].get("isolation") or artifact.manifest["key"]["isolation"])


def _strictness(level: str) -> int:
    """The order of isolation levels; one that promises nothing ("auto", "none") comes first."""
    from selfboot.grading.kernel import LEVELS

    return list(LEVELS).index(level) if level in LEVELS else -1


def machine() -> dict[str, str]:
    """What of this machine belongs in a manifest."""
    return {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()}


def _modules(miner: Miner) -> list[str]:
    """The modules of a miner's classes: its own logic and what it inherits."""
    return sorted({cls.__module__ for cls in type(miner).__mro__ if cls.__module__.startswith("selfboot.mining.")})


def _noisy(miner: Miner) -> bool:
    """Does it follow a script that mines on with dropout left on?"""
    training = getattr(miner, "training", None)
    return bool(training and training.dropout_in_mining)


def _prompts_file() -> Path:
    from selfboot.paths import DATA, require

    return require(DATA / "prompts.toml", "prompt texts")


@functools.cache
def _tokenizer(spec: ModelSpec) -> Any:
    from selfboot.models.load import load_tokenizer

    return load_tokenizer(spec)


@functools.cache
def _chat(spec: ModelSpec) -> Chat:
    return chat_of(spec.name, _tokenizer(spec), spec.chat_template)


def _versions(*packages: str) -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in packages}


def write_rows(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _rows(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n") if line]
