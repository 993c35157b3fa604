"""Transformers' samplers in a process of their own, whose end gives a GPU's memory back (processes/)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from selfboot.processes.parent import WorkerProcess
from selfboot.records import Completion, Sampling
from selfboot.sampling.base import check_request
from selfboot.sampling.held import Wanted

Drawn = list[tuple[Completion, ...]]


class SamplingProcess(WorkerProcess):
    """Draws in a process that starts when first needed and ends with ``close``, or with anything that goes wrong. It
    holds what ``held.Held`` holds."""

    module = "selfboot.sampling.worker"
    environment: ClassVar[Mapping[str, str]] = {"TOKENIZERS_PARALLELISM": "false"}
    remedy = "end what else uses the GPU (nvidia-smi lists it), or take a smaller model"
    again = "the same command again goes on with the piece that was being drawn"

    def __init__(self) -> None:
        super().__init__()
        self._engines: dict[Wanted, dict[str, str]] = {}

    def engine(self, wanted: Wanted) -> dict[str, str]:
        """The sampler's description; asked of the process once."""
        if wanted not in self._engines:
            self._engines[wanted] = self._last({"sampler": wanted}, f"loading {wanted.spec.name!r}")["engine"]
        return self._engines[wanted]

    def draw(
        self,
        wanted: Wanted,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None,
    ) -> Drawn:
        """See ``Sampler.generate``. Raises what it raises, and UnavailableError."""
        what = f"drawing from {wanted.spec.name!r} for {len(prompts)} prompts"
        request = {"prompts": list(prompts), "sampling": asdict(sampling), "seeds": list(seeds)}
        found = self._last({"sampler": wanted, "draw": request}, what, on_done)
        self._engines[wanted] = found["engine"]
        return [tuple(Completion(**one) for one in row) for row in found["drawn"]]

    def _last(self, message: dict[str, Any], what: str, on_done: Callable[[int], None] | None = None) -> dict[str, Any]:
        """The reply that ends a request; those before it tell how many prompts are done."""
        import torch

        asked = {**message, "sampler": asdict(message["sampler"]), "threads": torch.get_num_threads()}
        with self._ended_by_any_error():
            for reply in self._asked(asked, what):
                if "done" not in reply:
                    return reply
                if on_done:
                    on_done(reply["done"])
        raise AssertionError("_asked ends by raising")


@dataclass(frozen=True)
class ProcessSampler:
    """A ``Sampler`` that a process holds."""

    process: SamplingProcess
    wanted: Wanted

    @property
    def engine(self) -> dict[str, str]:
        return self.process.engine(self.wanted)

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> Drawn:
        """See ``Sampler.generate``."""
        check_request(prompts, sampling, seeds)
        return self.process.draw(self.wanted, prompts, sampling, seeds, on_done) if prompts else []
