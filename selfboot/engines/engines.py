"""Which engine draws a model's completions: transformers in this process, or vLLM in one of its own.

"auto" takes vLLM for models of the paper's scale, and on a GPU for any model but our mini ones, wherever an interpreter
has it (ours, or SELFBOOT_VLLM_PYTHON); transformers for everything else. Models in 4 bits are transformers' whatever
was chosen, since bitsandbytes quantises them there. One vLLM engine lives at a time, and it serves a model's base and
all its adapters; it ends before anything is trained, since it takes the GPU's memory. What is trained on a GPU has a
process of its own (training/process.py), which ends before anything is drawn there. A model of the paper's scale always
runs on a GPU.
Not covered: two models side by side in vLLM, and the choice of a GPU (CUDA_VISIBLE_DEVICES says which are ours).
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from selfboot import keys
from selfboot.errors import DataError
from selfboot.models.find import is_organism
from selfboot.models.spec import ModelSpec, locate
from selfboot.registry import ModelEntry
from selfboot.sampling.base import Sampler
from selfboot.storage.manifest import check_loaded

if TYPE_CHECKING:
    from selfboot.sampling.transformers import TransformersSampler
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
        self._samplers: dict[str, TransformersSampler] = {}
        self._vllm: dict[ModelSpec, VllmEngine] = {}
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

    def device_of(self, entry: ModelEntry) -> str:
        """Where transformers and training run it."""
        return "cuda" if entry.gpu_gb else self.device

    def training_gpus(self, entry: ModelEntry) -> int:
        """How many GPUs its layers are spread over in training: as many as serve it."""
        return 1 if self.device_of(entry).startswith("cpu") else entry.tensor_parallel

    def key(self, subject: ModelRef, training: bool = False) -> dict[str, Any]:
        """Everything about the engine that may change a result, for store keys; training is always transformers'."""
        if not training and self.engine(subject.entry) == "vllm":
            return dict(self._engine(subject).description)
        versions = {package: version(package) for package in ("torch", "transformers")}
        place = {"device": self.device_of(subject.entry), "rows": self.rows, "dtype": subject.spec.dtype}
        gpus = self.training_gpus(subject.entry) if training else 1
        over = {"gpus": gpus} if gpus > 1 else {}
        if subject.spec.quantization:
            versions |= {"quantization": subject.spec.quantization, "bitsandbytes": version("bitsandbytes")}
        return {"name": "transformers", **place, **over, **versions}

    def code(self, entry: ModelEntry) -> tuple[str, ...]:
        """The modules whose logic decides what is drawn, for store keys."""
        return keys.ENGINES[self.engine(entry)] + (keys.NF4 if entry.quantization else ())

    def sampler(self, subject: ModelRef) -> Sampler:
        """A sampler of the model, or of an adapter of it."""
        from selfboot.models.load import refuse_misfit, stop_token_ids

        stops = stop_token_ids(subject.spec, subject.tokenizer())
        if not self.device_of(subject.entry).startswith("cpu"):
            self._end_training()
        if self.engine(subject.entry) == "transformers":
            return self._in_process(subject, stops)
        from selfboot.sampling.vllm import VllmSampler

        self._leave_memory()
        engine = self._engine(subject)
        for other in [one for one in self._vllm.values() if one is not engine]:
            other.close()
        for lab in [one for one in self._all if one is not self]:
            lab.leave_gpu()
        longest, folder = min(1500, engine.settings.max_model_len * 3 // 4), subject.adapter and subject.adapter[0]
        if folder:
            refuse_misfit(subject.spec, folder)  # vLLM would leave out what it does not find
        return VllmSampler(engine, subject.tokenizer(), stops, longest, folder)

    def noisy_sampler(self, subject: ModelRef) -> Sampler:
        """A sampler of an adapter with its dropout on: transformers', whatever engine was chosen (vLLM has none)."""
        from selfboot.models.load import stop_token_ids
        from selfboot.sampling.dropout import DropoutSampler

        name, on_cpu = f"{subject.name}, unmerged", self.device_of(subject.entry).startswith("cpu")
        for lab in () if on_cpu or name in self._samplers else self._all:
            lab.leave_gpu()
        stops = stop_token_ids(subject.spec, subject.tokenizer())
        return DropoutSampler(self._in_process(subject, stops, name, merge=False))

    def _in_process(
        self, subject: ModelRef, stops: tuple[int, ...], name: str = "", merge: bool | None = None
    ) -> TransformersSampler:
        from selfboot.models.load import load_model
        from selfboot.sampling.packed import pack
        from selfboot.sampling.transformers import TransformersSampler

        name = name or subject.name
        if name not in self._samplers:
            # one adapter at a time
            self._samplers = {name: one for name, one in self._samplers.items() if name.endswith("/base")}
            folder, sha256 = subject.adapter or (None, "")
            model = load_model(subject.spec, self.device_of(subject.entry), adapter=folder, merge=merge)
            if folder is not None:
                check_loaded(folder, sha256)
            sampler = self._samplers[name] = TransformersSampler(model, subject.tokenizer(), stops, self.rows)
            if merge is not False:
                pack(model, sampler.rows)
        return self._samplers[name]

    def _engine(self, subject: ModelRef) -> VllmEngine:
        from selfboot.sampling.vllm import VllmEngine, VllmSettings

        if subject.spec not in self._vllm:
            tokens = min(TOKENS, context(subject))
            settings = VllmSettings(
                max_model_len=tokens,
                tensor_parallel=subject.entry.tensor_parallel,
                max_rows=self.rows or VllmSettings.max_rows,
                batch_invariant=self.batch_invariant,
            )
            self._vllm[subject.spec] = VllmEngine(subject.spec, settings)
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
        engines = sum(engine.starts for engine in self._vllm.values())
        return {"engine": engines, "training": self._training.starts if self._training else 0}

    def trains_apart(self, entry: ModelEntry) -> bool:
        """Does a model's training have a process of its own, so that an engine has to end for it?"""
        return self.apart or not self.device_of(entry).startswith("cpu")

    def leave_gpu(self, training: bool = False) -> None:
        """Give GPU memory back: vLLM and the training process (unless ``training``) end, models there are dropped."""
        for engine in self._vllm.values():
            engine.close()
        if not training:
            self._end_training()
        self._leave_memory()

    def _leave_memory(self) -> None:
        """Drop the models that transformers holds on a GPU."""
        if any(not sampler.engine["device"].startswith("cpu") for sampler in self._samplers.values()):
            self._drop()

    def _end_training(self) -> None:
        if self._training is not None:
            self._training.close()

    def _drop(self) -> None:
        import torch

        self._samplers.clear()
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where no CUDA was started

    def close(self) -> None:
        """End the engines and drop the models."""
        for engine in self._vllm.values():
            engine.close()
        self._vllm.clear()
        self._end_training()
        self._leave_memory()
        self._samplers.clear()


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
