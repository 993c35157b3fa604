"""Which engine draws a model's completions: transformers, or vLLM in a process of its own.

"auto" takes vLLM for models of the paper's scale, and on a GPU for any model but our mini ones, wherever an interpreter
has it (ours, or SELFBOOT_VLLM_PYTHON); transformers for everything else. Models in 4 bits are transformers' whatever
was chosen, since bitsandbytes quantises them there. One model's vLLM engine lives at a time, and it serves the model's
base and all its adapters. Where this process has several GPUs and each can serve the model, there is an engine on each,
and they share long draws (sampling/pieces.py). Engines end before anything is trained, since they take the GPU's
memory. What is trained on a GPU has a process of its own (training/process.py), which ends before anything is drawn
there. So has what transformers draws on a GPU (sampling/process.py), but for the mini models. A model of the paper's
scale always runs on a GPU.

On a GPU transformers replays its steps as CUDA graphs (sampling/graphs.py), unless SELFBOOT_CUDA_GRAPHS=no. Drawn
without graphs: the mini models, whose bands were measured so; models in 4 bits; adapters with their dropout left on.
Not covered: two models side by side in vLLM, and the choice of a GPU (CUDA_VISIBLE_DEVICES says which are ours).
"""

from __future__ import annotations

import importlib.util
import json
import os
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from selfboot import keys
from selfboot.engines.gpu import apart
from selfboot.errors import DataError
from selfboot.models.find import is_organism
from selfboot.models.spec import ModelSpec, locate
from selfboot.registry import ModelEntry
from selfboot.sampling.base import Sampler
from selfboot.sampling.meter import Clock

if TYPE_CHECKING:
    from selfboot.sampling.held import Held, Wanted
    from selfboot.sampling.process import SamplingProcess
    from selfboot.sampling.vllm import VllmEngine
    from selfboot.training.process import Trainer, TrainingProcess

Choice = Literal["auto", "transformers", "vllm"]
CHOICES: tuple[Choice, ...] = ("auto", "transformers", "vllm")
TOKENS = 4096  # of prompt and completion together, at most, in vLLM: 1,500 and 2,000 are the longest asked for


@dataclass(frozen=True)
class ModelRef:
    """A model as an engine needs it. ``adapter``: folder and sha256 of its weights; ``tokenizer`` is made on demand."""

    entry: ModelEntry
    spec: ModelSpec
    tokenizer: Callable[[], Any]
    adapter: tuple[Path, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.spec.name}/{self.adapter[1] if self.adapter else 'base'}"


class Engines:
    """The samplers and trainers of a Lab. ``device`` is where small models run, ``rows`` decoded together at most
    (None: each engine's default); ``apart``: train in a process of its own on a CPU too, as on a GPU.
    ``batch_invariant``: vLLM's engines draw what does not depend on the batch; transformers has no such mode."""

    _all: ClassVar[weakref.WeakSet[Engines]] = weakref.WeakSet()  # of this process: they share its GPU

    def __init__(
        self,
        choice: Choice = "auto",
        device: str = "cpu",
        rows: int | None = None,
        apart: bool = False,
        batch_invariant: bool = False,
    ) -> None:
        if batch_invariant and choice == "transformers":
            raise DataError("--batch-invariant is a mode of vLLM's engines; leave it or --engine transformers out")
        self.choice, self.device, self.rows, self.apart = choice, device, rows, apart
        self.batch_invariant = batch_invariant
        self._held: Held | None = None
        self._sampling: SamplingProcess | None = None
        self._vllm: dict[ModelSpec, list[VllmEngine]] = {}  # as many as `places`
        self._training: TrainingProcess | None = None
        self._all.add(self)

    def engine(self, entry: ModelEntry) -> str:
        """The engine that draws for a model: "transformers" or "vllm"."""
        if entry.quantization:
            return "transformers"
        if self.choice != "auto":
            return self.choice
        large = entry.gpu_gb or not (self.device.startswith("cpu") or is_organism(entry))
        return "vllm" if large and vllm_is_known() else "transformers"

    def graphs(self, entry: ModelEntry) -> bool:
        """Does transformers, where it draws for a model, replay CUDA graphs?"""
        on_gpu = not self.device_of(entry).startswith("cpu")
        return on_gpu and not is_organism(entry) and not entry.quantization and graphs_are_wanted()

    def device_of(self, entry: ModelEntry) -> str:
        """Where transformers and training run it."""
        return "cuda" if entry.gpu_gb else self.device

    def training_gpus(self, entry: ModelEntry) -> int:
        """How many GPUs its layers are spread over in training: as many as serve it."""
        return 1 if self.device_of(entry).startswith("cpu") else entry.tensor_parallel

    def key(self, subject: ModelRef, training: bool = False) -> dict[str, Any]:
        """Everything about the engine that may change a result, for store keys; training is always transformers'."""
        if not training and self.engine(subject.entry) == "vllm":
            return dict(self._engines(subject)[0].description)
        versions = {package: version(package) for package in ("torch", "transformers")}
        place = {"device": self.device_of(subject.entry), "rows": self.rows, "dtype": subject.spec.dtype}
        gpus = self.training_gpus(subject.entry) if training else 1
        over = {"gpus": gpus} if gpus > 1 else {}
        if subject.spec.quantization:
            versions |= {"quantization": subject.spec.quantization, "bitsandbytes": version("bitsandbytes")}
        graphs = {"graphs": "yes"} if not training and self.graphs(subject.entry) else {}
        return {"name": "transformers", **graphs, **place, **over, **versions}

    def code(self, entry: ModelEntry) -> tuple[str, ...]:
        """The modules whose logic decides what is drawn, for store keys."""
        engine = self.engine(entry)
        name = "graphs" if engine == "transformers" and self.graphs(entry) else engine
        return keys.ENGINES[name] + (keys.NF4 if entry.quantization else ())

    def places(self, entry: ModelEntry) -> int:
        """How many samplers of the model can draw side by side, each on a GPU of its own."""
        return len(apart(entry)) if self.engine(entry) == "vllm" else 1

    def sampler(self, subject: ModelRef, place: int = 0) -> Sampler:
        """A sampler of the model, or of an adapter of it; ``place``: on which of ``places`` GPUs."""
        from selfboot.models.load import refuse_misfit, stop_token_ids

        stops = stop_token_ids(subject.spec, subject.tokenizer())
        if not self.device_of(subject.entry).startswith("cpu"):
            self._end_training()
        if self.engine(subject.entry) == "transformers":
            return self._by_transformers(subject, stops)
        from selfboot.sampling.vllm import VllmSampler

        self._leave_memory()
        self._end_sampling()
        engine = self._engines(subject)[place]
        for spec, others in self._vllm.items():
            if spec != subject.spec:
                _close(others)
        for lab in [one for one in self._all if one is not self]:
            lab.leave_gpu()
        longest, folder = min(1500, engine.settings.max_model_len * 3 // 4), subject.adapter and subject.adapter[0]
        if folder:
            refuse_misfit(subject.spec, folder)  # vLLM would leave out what it does not find
        return VllmSampler(engine, subject.tokenizer(), stops, longest, folder)

    def noisy_sampler(self, subject: ModelRef) -> Sampler:
        """A sampler of an adapter with its dropout on: transformers', whatever engine was chosen (vLLM has none)."""
        from selfboot.models.load import stop_token_ids

        return self._by_transformers(subject, stop_token_ids(subject.spec, subject.tokenizer()), noisy=True)

    def _by_transformers(self, subject: ModelRef, stops: tuple[int, ...], noisy: bool = False) -> Sampler:
        """A sampler of transformers', where it is to run, with room made for it on a GPU."""
        from selfboot.sampling.held import Wanted
        from selfboot.sampling.process import ProcessSampler, SamplingProcess

        device, graphs = self.device_of(subject.entry), not noisy and self.graphs(subject.entry)
        wanted = Wanted(subject.spec, device, stops, self.rows, subject.adapter, noisy, graphs)
        if not self.draws_apart(subject.entry):
            return self._in_process(wanted, subject.tokenizer)
        for lab in self._all:
            lab.leave_gpu(drawing=lab is self)
        self._sampling = self._sampling or SamplingProcess()
        return ProcessSampler(self._sampling, wanted)

    def _in_process(self, wanted: Wanted, tokenizer: Callable[[], Any]) -> Sampler:
        from selfboot.sampling.held import Held

        self._held = Held() if self._held is None else self._held
        if wanted.noisy and wanted not in self._held and not wanted.device.startswith("cpu"):
            for lab in self._all:
                lab.leave_gpu()
        return self._held.sampler(wanted, tokenizer)

    def _engines(self, subject: ModelRef) -> list[VllmEngine]:
        """The model's engines, one for each place; they start when they are first drawn from."""
        from selfboot.sampling.vllm import VllmEngine, VllmSettings

        if subject.spec not in self._vllm:
            settings = VllmSettings(
                max_model_len=min(TOKENS, context(subject)),
                tensor_parallel=subject.entry.tensor_parallel,
                max_rows=self.rows or 0,
                batch_invariant=self.batch_invariant,
            )
            self._vllm[subject.spec] = [VllmEngine(subject.spec, settings, gpu) for gpu in apart(subject.entry)]
        return self._vllm[subject.spec]

    def trainer(self, entry: ModelEntry) -> Trainer:
        """Who trains a model, with room made for it: this process; where models live on a GPU, one of its own."""
        from selfboot.training.process import Here, TrainingProcess

        for lab in self._all:
            lab.leave_gpu(training=lab is self)
        if not self.trains_apart(entry):
            return Here()
        self._training = self._training or TrainingProcess()
        return self._training

    @property
    def starts(self) -> dict[str, int]:
        """How often an engine, and a process that trains, has started since the last ``close``."""
        engines = sum(engine.starts for engines in self._vllm.values() for engine in engines)
        drawing = self._sampling.starts if self._sampling else 0
        return {"engine": engines + drawing, "training": self._training.starts if self._training else 0}

    @property
    def held(self) -> int:
        """How many models this process holds."""
        return len(self._held or ())

    def draws_apart(self, entry: ModelEntry) -> bool:
        """Do transformers' samplers of a model have a process of their own? On a GPU, but for the mini models, which
        take next to nothing of its memory."""
        return not (self.device_of(entry).startswith("cpu") or is_organism(entry))

    def clock(self, subject: ModelRef, place: int = 0) -> Clock:
        """Tells how often the engine of such a sampler has started, and the seconds that it took."""
        if self.engine(subject.entry) == "transformers":
            return lambda: (0, 0.0)
        engine = self._engines(subject)[place]
        return lambda: (engine.starts, engine.seconds["start"])

    def trains_apart(self, entry: ModelEntry) -> bool:
        """Does a model's training have a process of its own, so that an engine has to end for it?"""
        return self.apart or not self.device_of(entry).startswith("cpu")

    def leave_gpu(self, training: bool = False, drawing: bool = False) -> None:
        """Give GPU memory back: vLLM, the training process (unless ``training``) and transformers' drawing process
        (unless ``drawing``) end, models there are dropped."""
        for engines in self._vllm.values():
            _close(engines)
        if not training:
            self._end_training()
        if not drawing:
            self._end_sampling()
        self._leave_memory()

    def _leave_memory(self) -> None:
        """Drop the models that this process holds on a GPU."""
        if self._held is not None and self._held.on_gpu:
            self._held.drop()

    def _end_training(self) -> None:
        if self._training is not None:
            self._training.close()

    def _end_sampling(self) -> None:
        if self._sampling is not None:
            self._sampling.close()

    def close(self) -> None:
        """End the engines and drop the models."""
        for engines in self._vllm.values():
            _close(engines)
        self._vllm.clear()
        self._end_training()
        self._end_sampling()
        self._sampling = None
        if self._held:
            self._held.drop()


def graphs_are_wanted() -> bool:
    """Unless the environment says SELFBOOT_CUDA_GRAPHS=no. DataError where it says anything but yes or no."""
    from selfboot.sampling.graphs import SWITCH

    said = os.environ.get(SWITCH) or "yes"
    if said not in ("yes", "no"):
        raise DataError(f"{SWITCH}={said!r}: write yes or no (draw without CUDA graphs), or unset it")
    return said == "yes"


def _close(engines: Iterable[VllmEngine]) -> None:
    for engine in engines:
        engine.close()


def context(subject: ModelRef) -> int:
    """Positions that the model has, prompt and completion together."""
    if subject.entry.shape:
        return subject.entry.shape.context
    config = json.loads((locate(subject.spec).model / "config.json").read_text(encoding="utf-8"))
    return int(config["max_position_embeddings"])


def vllm_is_known() -> bool:
    """Is there an interpreter with vLLM: one named in SELFBOOT_VLLM_PYTHON, or this one?"""
    from selfboot.sampling.vllm import PYTHON_ENV

    ours = importlib.util.find_spec("vllm")  # a mere folder of that name on the path has no origin
    return bool(os.environ.get(PYTHON_ENV)) or (ours is not None and ours.origin is not None)
