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
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from selfboot import keys
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_answers, load_any, load_benchmark
from selfboot.engines.engines import Choice, Engines, ModelRef
from selfboot.engines.gpu import on_ours, our_gpus
from selfboot.engines.memory import check_limit
from selfboot.errors import DataError, UnavailableError
from selfboot.formats import AnswerFormat, Chat, CodeFormat, answer_format, code_format
from selfboot.formats.examples import training_example
from selfboot.keys import code_hash
from selfboot.lab.made import Adapter, AnswerScore, Mined, Samples, Score
from selfboot.lab.provenance import machine, read_rows, versions, write_rows
from selfboot.lab.scoring import OnDemand, Scoring, by_script
from selfboot.mining.alarm import alarms
from selfboot.mining.base import Miner, MiningContext, Stages, derive, describe, run_miner
from selfboot.mining.catalogue import make_miner
from selfboot.mining.own import is_own, own_pairs
from selfboot.mining.scripts import script_miner
from selfboot.models.chat import chat_of, template_text
from selfboot.models.find import find_model, spec_of, turn_ends
from selfboot.models.shape import random_init_spec
from selfboot.models.spec import ModelSpec, locate
from selfboot.pairs import load_pairs, write_pairs
from selfboot.progress import Progress, Silent, counter
from selfboot.records import Completion, Item, Pair, Sampling
from selfboot.registry import ModelEntry, model_entry, recipes
from selfboot.sampling.base import Sampler
from selfboot.sampling.meter import Clock, Meter, Spent
from selfboot.sampling.pieces import PIECE_TOKENS, draw_in_pieces, pieces
from selfboot.sampling.short import ShortSampler, short
from selfboot.storage.manifest import check_loaded
from selfboot.store import RunStore, digest, file_sha256

T = TypeVar("T")
GREEDY = Sampling()
WEIGHTS = "adapter_model.safetensors"


class Lab(Scoring):
    """A store, engines and graders (scoring.py).

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
        super().__init__(store, weights, isolation, graders, progress or Silent())
        self.tokens, self.chat_template = tokens, chat_template
        self.engines = Engines(engine, device, rows, batch_invariant=batch_invariant)
        self._spent = Spent()  # on drawing, by all that this Lab has drawn
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
        rows = read_rows(artifact.text("completions.jsonl"))
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
        form = _code_form(bench, format, stop)
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
            form = _code_form(bench, format, stop)
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
        records = read_rows(artifact.text("records.jsonl"))
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

    def _loaded(self, load: Callable[[str], T], name: str) -> T:
        """A benchmark, read and hashed once."""
        if (load, name) not in self._benchmarks:
            self._benchmarks[load, name] = load(name)
        found: T = self._benchmarks[load, name]
        return found

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
            "versions": versions("torch", "transformers", "peft"),
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
            chat_template=self.chat_template, progress=self.progress, batch_invariant=self.engines.batch_invariant,
        )  # fmt: skip

    def close(self) -> None:
        """End the graders' workers and the engines, and drop the models."""
        self.end_graders()
        self.engines.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _code_form(bench: Benchmark, format: str | CodeFormat, stop: tuple[str, ...] | None) -> CodeFormat:
    """The format that was given; by its name, or the benchmark's usual one."""
    return code_format(format or bench.format, stop) if isinstance(format, str) else format


def _checkpoints(device: str, saving: bool) -> str:
    """The folder of a training's checkpoints. Its bits are those of one number of threads and one kind of device
    (training/lora.py), so with others it starts over instead of going on from a checkpoint that does not belong."""
    import torch

    kind = [one.name for one in our_gpus()[:1]] if device.startswith("cuda") else []
    place = [device, kind, platform.machine(), torch.get_num_threads()]
    return f"checkpoints-{digest([place, saving])[:12]}"


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
