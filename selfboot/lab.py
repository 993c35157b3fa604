"""The Lab: the one object that a claim or a script holds. Four verbs, each giving back a small frozen record.

    lab = Lab(RunStore(Path(".selfboot/store")))
    base = lab.evaluate("organism-0", "minieval")
    pairs = lab.mine("organism-0", BootstrapMiner(target=40), seed=7)
    adapter = lab.train("organism-0", pairs.pairs, "mini", seed=7)
    lab.evaluate("organism-0", "minieval", adapter=adapter).solved

Each result is an artifact of the run store, keyed by everything that determines it: hashes of model, adapter, prompts,
pairs and tests, settings, seed, engine and library versions, and the logic of our own code. Asked again, it is read.
Not covered yet: vLLM as the engine.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from selfboot.benchmarks.base import Benchmark, load_benchmark
from selfboot.claims import model_entry, recipes
from selfboot.errors import DataError
from selfboot.formats import Chat, code_format
from selfboot.formats.repair import pair_format
from selfboot.mining.base import Miner, MiningContext, derive, run_miner
from selfboot.models import ModelSpec
from selfboot.pairs import pairs_sha256, read_pairs, write_pairs
from selfboot.progress import Progress, Silent, counter
from selfboot.records import CodeJob, Completion, Outcome, Pair, Sampling
from selfboot.sampling.base import Sampler
from selfboot.store import Artifact, RunStore, code_hash, digest, file_sha256

if TYPE_CHECKING:
    from selfboot.grading.code import CodeGrader

GREEDY = Sampling()
SAMPLING_CODE = ("selfboot.sampling.transformers", "selfboot.sampling.draw", "selfboot.sampling.stops")
GRADING_CODE = ("selfboot.grading.code",)
MINING_CODE = ("selfboot.mining.base", "selfboot.formats.chat", "selfboot.formats.problems", "selfboot.formats.repair")
TRAINING_CODE = ("selfboot.training.lora",)


@dataclass(frozen=True)
class Samples:
    """``completions[i]`` are prompt i's, ``n`` of them."""

    artifact: Artifact
    completions: tuple[tuple[Completion, ...], ...]


@dataclass(frozen=True)
class Score:
    """The outcome of every completion on every task of a benchmark: ``outcomes[task][sample]``."""

    artifact: Artifact
    samples: Samples
    tasks: tuple[str, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]

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


@dataclass(frozen=True)
class Pairs:
    """Mined pairs, and the records of how they came about."""

    artifact: Artifact
    pairs: tuple[Pair, ...]

    @property
    def path(self) -> Path:
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
    """A store, a device and a grader.

    ``weights="random"`` puts the random twin in every model's place: the proof that positive claims can fail.
    ``isolation`` is the grader's level, ``graders`` its processes, ``rows`` the sampler's batch size (None: default).
    Models and the grader's workers start when first needed; ``close`` ends them.
    """

    def __init__(
        self,
        store: RunStore,
        *,
        device: str = "cpu",
        weights: str = "trained",
        isolation: str = "auto",
        graders: int | None = None,
        rows: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.store, self.device, self.weights, self.isolation = store, device, weights, isolation
        self.graders, self.rows = graders, rows
        self.progress: Progress = progress or Silent()
        self._grader: CodeGrader | None = None
        self._samplers: dict[str, Sampler] = {}

    # What things are

    def spec(self, model: str) -> ModelSpec:
        """The model called ``model`` in data/models.toml, as this lab runs it."""
        entry = model_entry(model)
        spec = ModelSpec(
            entry.name,
            entry.source,
            revision=entry.revision,
            tokenizer=entry.tokenizer,
            sha256=entry.sha256,
            stop_tokens=entry.stop_tokens,
        )
        return spec.random_twin() if self.weights == "random" else spec

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

    # The four verbs

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
        key = {
            **self._model_key(model, adapter),
            "prompts": digest(list(prompts)),
            "sampling": sampling,
            "seeds": digest(seeds) if sampling.temperature > 0 else None,
            "code": code_hash(*SAMPLING_CODE),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            sampler = self._sampler(model, adapter)
            done = counter(self.progress, f"{what} ({model})", len(prompts))
            completions = sampler.generate(prompts, sampling, seeds, done)
            rows = [[asdict(c) for c in row] for row in completions]
            _write_rows(out / "completions.jsonl", rows)
            return {"model": model, "engine": sampler.engine, "machine": machine()}

        artifact = self.store.get("samples", key, build)
        rows = _read_rows(artifact.path / "completions.jsonl")
        return Samples(artifact, tuple(tuple(Completion(**c) for c in row) for row in rows))

    def evaluate(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str = "chat",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> Score:
        """The model's score on a code benchmark: every completion of every task, graded."""
        bench, form = load_benchmark(benchmark), code_format(format, stop)
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]
        drawn = Sampling(sampling.max_new_tokens, sampling.temperature, sampling.top_p, sampling.n, form.stop)
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        samples = self.sample(model, prompts, drawn, seeds, adapter, what=f"{benchmark}, {format}")
        programs = [
            [form.program(task, c.text) for c in row]
            for task, row in zip(bench.tasks, samples.completions, strict=True)
        ]
        return self._grade(bench, samples, programs)

    def mine(self, model: str, miner: Miner, seed: int, adapter: Adapter | None = None) -> Pairs:
        """The pairs that ``miner`` gets out of the model. Killed at any moment, it resumes to the very same pairs."""
        key = {
            **self._model_key(model, adapter),
            "miner": [type(miner).__name__, miner],
            "seed": seed,
            "prompts": file_sha256(_prompts_file()),
            "code": code_hash(
                *SAMPLING_CODE, type(miner).__module__, "selfboot.mining.base", "selfboot.formats.problems"
            ),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            sampler = self._sampler(model, adapter)
            context = MiningContext(sampler, self.grader, self.chat(model), seed)
            records = run_miner(miner, context, work, self.progress)
            pairs = miner.pairs(records)
            write_pairs(out / "pairs.jsonl", pairs)
            _write_rows(out / "records.jsonl", records)
            return {
                "model": model,
                "pairs": len(pairs),
                "steps": len(records),
                "engine": sampler.engine,
                "grader": self.grader.manifest,
                "machine": machine(),
            }

        artifact = self.store.get("pairs", key, build)
        return Pairs(artifact, tuple(read_pairs(artifact.path / "pairs.jsonl", empty=True)))

    def train(self, model: str, pairs: Sequence[Pair], recipe: str, seed: int) -> Adapter:
        """A LoRA adapter trained on the pairs by a recipe of data/recipes.toml."""
        from selfboot.training.lora import Recipe, train_adapter

        settings = dict(self._recipe(recipe))
        form = pair_format(settings.pop("pair_format"))
        key = {
            **self._model_key(model, None),
            "pairs": pairs_sha256(pairs),
            "prompts": file_sha256(_prompts_file()),
            "recipe": self._recipe(recipe),
            "seed": seed,
            "versions": _versions("torch", "transformers", "peft"),
            "code": code_hash(*TRAINING_CODE, "selfboot.formats.repair"),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            spec = self.spec(model)
            eos = _tokenizer(spec).eos_token
            examples = [form(pair, self.chat(model), eos) for pair in pairs]
            checkpoints = work / "checkpoints"
            info = train_adapter(
                spec,
                examples,
                Recipe(**settings),
                seed,
                out,
                device=self.device,
                checkpoint_dir=checkpoints,
                on_step=lambda done, total: self.progress.update(f"training on {len(pairs)} pairs", done, total),
            )
            return {"model": model, "machine": machine(), "training": info.manifest()}

        artifact = self.store.get("adapter", key, build)
        return Adapter(artifact, artifact.manifest["files"]["adapter_model.safetensors"])

    # How

    def _grade(self, bench: Benchmark, samples: Samples, programs: Sequence[Sequence[str]]) -> Score:
        key = {"benchmark": bench.sha256, "programs": digest(programs), "code": code_hash(*GRADING_CODE)}

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            jobs = [
                CodeJob(program, task.entry_point, bench.tests(task))
                for task, row in zip(bench.tasks, programs, strict=True)
                for program in row
            ]
            outcomes = iter(self.grader.grade(jobs, counter(self.progress, f"grading {bench.name}", len(jobs))))
            _write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in programs])
            return {"benchmark": bench.name, "grader": self.grader.manifest, "machine": machine()}

        artifact = self.store.get("score", key, build)
        rows = _read_rows(artifact.path / "outcomes.jsonl")
        outcomes = tuple(tuple(Outcome(**o) for o in row) for row in rows)
        return Score(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

    def _model_key(self, model: str, adapter: Adapter | None) -> dict[str, Any]:
        from selfboot.models.spec import fingerprint

        return {
            "model": fingerprint(self.spec(model)),
            "adapter": adapter.sha256 if adapter else None,
            "engine": {
                "name": "transformers",
                "device": self.device,
                "rows": self.rows,
                **_versions("torch", "transformers"),
            },
        }

    def _sampler(self, model: str, adapter: Adapter | None) -> Sampler:
        from selfboot.models.load import load_model, stop_token_ids
        from selfboot.sampling.transformers import TransformersSampler

        name = f"{model}/{adapter.sha256 if adapter else 'base'}"
        if name not in self._samplers:
            self._samplers = {n: s for n, s in self._samplers.items() if n.endswith("/base")}  # one adapter at a time
            spec, tokenizer = self.spec(model), _tokenizer(self.spec(model))
            loaded = load_model(spec, self.device, adapter=adapter.path if adapter else None)
            self._samplers[name] = TransformersSampler(loaded, tokenizer, stop_token_ids(spec, tokenizer), self.rows)
        return self._samplers[name]

    def _recipe(self, name: str) -> dict[str, Any]:
        if name not in recipes():
            raise DataError(f"unknown recipe {name!r}; data/recipes.toml knows: {', '.join(recipes())}")
        return recipes()[name]

    def close(self) -> None:
        """End the grader's workers and drop the models."""
        if self._grader is not None:
            self._grader.__exit__(None, None, None)
            self._grader = None
        self._samplers.clear()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def machine() -> dict[str, str]:
    """What of this machine belongs in a manifest."""
    return {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()}


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
