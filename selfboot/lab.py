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
from typing import TYPE_CHECKING, Any, Protocol

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_answers, load_benchmark
from selfboot.claims import ModelEntry, model_entry, recipes
from selfboot.engines import CODE, Choice, Engines, Subject
from selfboot.errors import DataError, UnavailableError
from selfboot.formats import AnswerFormat, Chat, answer_format, code_format
from selfboot.formats.repair import pair_format
from selfboot.formats.traces import solution_example
from selfboot.mining.base import Miner, MiningContext, Record, Stages, derive, describe, run_miner
from selfboot.models.shape import rehearsal_spec
from selfboot.models.spec import ModelSpec, locate
from selfboot.pairs import write_pairs
from selfboot.progress import Progress, Silent, counter
from selfboot.records import CodeJob, Completion, Item, Outcome, Pair, Sampling
from selfboot.sampling.base import Sampler
from selfboot.store import Artifact, Builder, RunStore, code_hash, digest, file_sha256

if TYPE_CHECKING:
    from selfboot.grading.answers import AnswerGrader, AnswerOutcome
    from selfboot.grading.code import CodeGrader
    from selfboot.grading.pool import Limit

GREEDY = Sampling()
SAMPLING_CODE = CODE["transformers"]
# Every module whose logic can change a verdict (tests/core/test_lab.py follows the imports).
GRADING_CODE = (
    *(f"selfboot.grading.{name}" for name in ("code", "pool", "worker", "tester", "candidate", "unittests")),
    *(f"selfboot.grading.{name}" for name in ("fork_server", "kernel", "scratch", "usage", "wire", "values", "plus")),
)
MINING_CODE = (
    *(f"selfboot.formats.{name}" for name in ("base", "chat", "raw", "mbpp", "lens", "gsm8k", "math")),
    *(f"selfboot.formats.{name}" for name in ("problems", "word_problems", "arithmetic", "repair", "traces")),
    "selfboot.mining.base",
    "selfboot.mining.steps",
)
ANSWER_CODE = tuple(f"selfboot.grading.{name}" for name in ("answers", "answer_worker", "normal", "algebra"))
TRAINING_CODE = ("selfboot.training.lora",)


class Passing(Protocol):
    """An outcome of any kind."""

    @property
    def passed(self) -> bool: ...


@dataclass(frozen=True)
class Samples:
    """``completions[i]`` are prompt i's, ``n`` of them."""

    artifact: Artifact
    completions: tuple[tuple[Completion, ...], ...]


class Tally:
    """What can be read off the outcomes of a benchmark's tasks, whatever kind they are: ``outcomes[task][sample]``."""

    samples: Samples
    outcomes: Sequence[Sequence[Passing]]

    @property
    def token_hashes(self) -> list[str]:
        """Hashes of the drawn tokens of every completion."""
        return [c.token_hash for row in self.samples.completions for c in row]

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

    ``weights="random"`` puts the random twin in every model's place: the proof that positive claims can fail.
    ``engine`` draws completions (engines.py), on ``device`` what is not of the paper's scale. ``isolation`` is the
    grader's level ("auto": the strongest that the machine has), and no score of a weaker level is read in its place;
    ``graders`` are its processes, ``rows`` the transformers sampler's batch size (None: default);
    ``tokens`` caps every completion, for rehearsals whose only question is whether anything passes.
    Models, engines and the grader's workers start when first needed; ``close`` ends them.
    """

    def __init__(
        self,
        store: RunStore,
        *,
        device: str = "cpu",
        engine: Choice = "auto",
        weights: str = "trained",
        isolation: str = "auto",
        graders: int | None = None,
        rows: int | None = None,
        tokens: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.store, self.weights, self.isolation, self.graders = store, weights, isolation, graders
        self.tokens = tokens
        self.engines = Engines(engine, device, rows)
        self.progress: Progress = progress or Silent()
        self._grader: CodeGrader | None = None
        self._measured: dict[str, list[Limit]] = {}  # time limits by the hash of the benchmark
        self._answers: AnswerGrader | None = None
        self._specs: dict[str, ModelSpec] = {}

    # What things are

    def entry(self, model: str) -> ModelEntry:
        """What is known of the model called ``model``."""
        return model_entry(model)

    def spec(self, model: str) -> ModelSpec:
        """The model called ``model``, as this lab runs it."""
        if model not in self._specs:
            entry = self.entry(model)
            spec = ModelSpec(
                entry.name,
                entry.source,
                revision=entry.revision,
                tokenizer=entry.tokenizer,
                sha256=entry.sha256,
                stop_tokens=entry.stop_tokens,
                dtype=entry.dtype,
                quantization=entry.quantization,
            )
            self._specs[model] = self._random(entry, spec) if self.weights == "random" else spec
        return self._specs[model]

    def _random(self, entry: ModelEntry, spec: ModelSpec) -> ModelSpec:
        """The model's random twin; where nothing of the model is here, from its shape and the organism's tokenizer."""
        try:
            locate(spec.random_twin())
            return spec.random_twin()
        except UnavailableError:
            if entry.shape is None:
                raise
        own = model_entry("organism-0")
        folder = self.store.root / "rehearsal"
        made = rehearsal_spec(entry.name, entry.shape, own.tokenizer, own.stop_tokens, folder)
        return replace(made, quantization=entry.quantization)

    def _subject(self, model: str, adapter: Adapter | None) -> Subject:
        spec = self.spec(model)
        given = (adapter.path, adapter.sha256) if adapter else None
        return Subject(self.entry(model), spec, lambda: _tokenizer(spec), given)

    def chat(self, model: str) -> Chat:
        """The model's own chat template."""
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
        if self.tokens:
            sampling = replace(sampling, max_new_tokens=min(self.tokens, sampling.max_new_tokens))
        key = {
            **self._model_key(model, adapter),
            "prompts": digest(list(prompts)),
            "sampling": sampling,
            "seeds": digest(seeds) if sampling.temperature > 0 else None,
            "code": code_hash(*self.engines.code(self.entry(model))),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            sampler = self._sampler(model, adapter)
            done = counter(self.progress, f"{what} ({model})", len(prompts))
            completions = sampler.generate(prompts, sampling, seeds, done)
            rows = [[asdict(c) for c in row] for row in completions]
            _write_rows(out / "completions.jsonl", rows)
            _write_rows(out / "prompts.jsonl", prompts)  # for the report: what exactly was asked
            return {"model": model, "weights": self.weights, "engine": sampler.engine, "machine": machine()}

        artifact = self.store.get("samples", key, build)
        rows = _read_rows(artifact.path / "completions.jsonl")
        return Samples(artifact, tuple(tuple(Completion(**c) for c in row) for row in rows))

    def evaluate(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str = "",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
    ) -> Score:
        """The model's score on a code benchmark, in its usual format if none is named: every completion, graded.

        ``sampling`` None: greedy, as long as the benchmark's completions may get.
        """
        bench = load_benchmark(benchmark)
        form = code_format(format or bench.format, stop)
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]
        drawn = replace(sampling or Sampling(bench.tokens), stop=form.stop)
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        samples = self.sample(model, prompts, drawn, seeds, adapter, what=f"{benchmark}, {form.name}")
        programs = [
            [form.program(task, c.text) for c in row]
            for task, row in zip(bench.tasks, samples.completions, strict=True)
        ]
        return self._grade(bench, samples, programs)

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
        bench = load_answers(benchmark)
        form = answer_format(format or bench.format)
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        drawn = replace(sampling or Sampling(bench.tokens), stop=form.stop)
        samples = self.sample(model, prompts, drawn, seeds, adapter, what=f"{benchmark}, {form.name}")
        return self._grade_answers(bench, samples, form)

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
            "code": code_hash(
                *self.engines.code(self.entry(model)), *MINING_CODE, *GRADING_CODE, *ANSWER_CODE, *_modules(miner)
            ),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            sampler = self._sampler(model, adapter)
            context = MiningContext(
                sampler,
                OnDemand(lambda: self.grader),
                self.chat(model),
                seed,
                OnDemand(lambda: self.answers),
                (lambda stages: self._trained(model, stages, recipe, seed, adapter)) if recipe else None,
            )
            records = run_miner(miner, context, work, self.progress)
            write_pairs(out / "pairs.jsonl", miner.items(records))
            _write_rows(out / "records.jsonl", records)
            return {
                "model": model,
                "weights": self.weights,
                "items": len(miner.items(records)),
                "steps": len(records),
                "engine": sampler.engine,
                "grader": self._grader.manifest if self._grader else {},
                "machine": machine(),
            }

        artifact = self._graded("pairs", key, build)
        records = _read_rows(artifact.path / "records.jsonl")
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
        form, chat, eos = pair_format(settings.pop("pair_format")), self.chat(model), _tokenizer(spec).eos_token
        examples = [form(i, chat, eos) if isinstance(i, Pair) else solution_example(i, chat) for i in items]
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
            about = {"model": model, "weights": self.weights, "machine": machine(), "memory": asdict(memory)}
            return {**about, "peak_gb": done.peak_gb, "training": done.manifest}

        artifact = self.store.get("adapter", key, build)
        return Adapter(artifact, artifact.manifest["files"]["adapter_model.safetensors"])

    def train_stages(
        self, model: str, stages: Stages, recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter | None:
        """Trainings one after the other, each continuing the adapter of the one before; no stages: ``start_from``."""
        adapter = start_from
        for items in stages:
            adapter = self.train(model, items, recipe, seed, start_from=adapter)
        return adapter

    # How

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

    def _grade(self, bench: Benchmark, samples: Samples, programs: Sequence[Sequence[str]]) -> Score:
        key = {"benchmark": bench.sha256, "programs": digest(programs), "code": code_hash(*GRADING_CODE)}

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            from selfboot.grading.code import limited

            jobs = [
                limited(CodeJob(program, task.entry_point, bench.tests(task)), limit)
                for task, row, limit in zip(bench.tasks, programs, self._limits(bench), strict=True)
                for program in row
            ]
            grade = self.grader.grade_unittests if bench.unittest else self.grader.grade
            outcomes = iter(grade(jobs, counter(self.progress, f"grading {bench.name}", len(jobs))))
            _write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in programs])
            _write_rows(out / "programs.jsonl", programs)  # for the report: what exactly was graded
            return {
                "benchmark": bench.asked or bench.name,
                "weights": self.weights,
                "samples": samples.artifact.id,
                "grader": self.grader.manifest,
                "machine": machine(),
            }

        artifact = self._graded("score", key, build)
        rows = _read_rows(artifact.path / "outcomes.jsonl")
        outcomes = tuple(tuple(Outcome(**o) for o in row) for row in rows)
        return Score(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

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
            "versions": _versions("math-verify", "sympy"),
            "code": code_hash(*ANSWER_CODE),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            pairs = [(text, task.answer) for task, row in zip(bench.tasks, texts, strict=True) for text in row]
            outcomes = iter(self.answers.grade(pairs, form.style))
            _write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in texts])
            marks = {"benchmark": bench.asked or bench.name, "weights": self.weights, "style": form.style}
            return {**marks, "samples": samples.artifact.id, "machine": machine()}

        from selfboot.grading.answers import AnswerOutcome

        artifact = self.store.get("answer-score", key, build)
        rows = _read_rows(artifact.path / "outcomes.jsonl")
        found = [[AnswerOutcome(**o) for o in row] for row in rows]
        outcomes = tuple(tuple(replace(o, passed=o.strict if form.strict else o.lenient) for o in row) for row in found)
        return AnswerScore(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

    def _trained(self, model: str, stages: Stages, recipe: str, seed: int, adapter: Adapter | None) -> Sampler:
        """The model after the stages, for a miner that trains in between."""
        return self._sampler(model, self.train_stages(model, stages, recipe, seed, start_from=adapter))

    def _training_key(self, recipe: str) -> dict[str, Any]:
        return {
            "recipe": self._recipe(recipe),
            "versions": _versions("torch", "transformers", "peft"),
            "code": code_hash(*TRAINING_CODE),
        }

    def _model_key(self, model: str, adapter: Adapter | None, training: bool = False) -> dict[str, Any]:
        from selfboot.models.spec import fingerprint

        return {
            "model": fingerprint(self.spec(model)),
            "adapter": adapter.sha256 if adapter else None,
            "engine": self.engines.key(self._subject(model, adapter), training),
        }

    def _sampler(self, model: str, adapter: Adapter | None) -> Sampler:
        return self.engines.sampler(self._subject(model, adapter))

    def _recipe(self, name: str) -> dict[str, Any]:
        if name not in recipes():
            raise DataError(f"unknown recipe {name!r}; data/recipes.toml knows: {', '.join(recipes())}")
        return recipes()[name]

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


class OnDemand:
    """A grader that starts when it is first used: a miner of code needs no answer grader, and the other way round."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self.start = start

    def grade(self, *args: Any) -> Any:
        return self.start().grade(*args)


def _checkpoints(device: str, saving: bool) -> str:
    """The folder of a training's checkpoints. Its bits are those of one number of threads and one kind of device
    (training/lora.py), so with others it starts over instead of going on from a checkpoint that does not belong."""
    import torch

    from selfboot.availability import our_gpus

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


def _prompts_file() -> Path:
    from selfboot.paths import DATA, require

    return require(DATA / "prompts.toml", "prompt texts")


@functools.cache
def _tokenizer(spec: ModelSpec) -> Any:
    from selfboot.models.load import load_tokenizer

    return load_tokenizer(spec)


def _chat(spec: ModelSpec) -> Chat:
    tokenizer = _tokenizer(spec)

    def render(messages: Sequence[dict[str, str]]) -> str:
        opens = messages[-1]["role"] != "assistant"
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=opens))

    return render


def _versions(*packages: str) -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in packages}


def _write_rows(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _read_rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
