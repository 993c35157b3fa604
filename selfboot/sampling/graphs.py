"""The transformers sampler on a GPU with CUDA graphs: a decoding step is recorded once, then replayed as a whole.

Without them a step takes 20 to 34 ms whatever the model, since Python starts its thousand kernels one by one. A graph
starts them all at once. It holds the addresses of what it reads and writes, so every step runs all slots, in tensors
that stay where they are while a ``generate`` call lasts. Slots without a row compute what nobody reads, and write
nowhere but in themselves.

There is one graph for each attention width, in steps of ``WIDTH_STEP``; all share one memory pool. The first step of a
width runs kernel by kernel, which also makes ready what a recording may not (workspaces, kernels not yet loaded).
Prompts are read as before. Rows, stops, seeds and uniform numbers are the plain sampler's; so are the kernels, but they
always see all slots, so that at a near tie a token may differ.

The graphs are freed when the call ends. A model that cannot be recorded is refused with the remedy, ``SWITCH=no``.
Not covered: dropout left on (sampling/dropout.py draws without graphs), rotations that change with the length
(``rope_type`` "dynamic").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from selfboot.errors import UnavailableError
from selfboot.records import Completion, Sampling
from selfboot.sampling.base import check_request, reporter
from selfboot.sampling.cache import BLOCK
from selfboot.sampling.transformers import Row, TransformersSampler, _attention, _Run

SWITCH = "SELFBOOT_CUDA_GRAPHS"  # "no": draw without graphs
WIDTH_STEP = 128  # attention widths that have a graph are multiples of this: to record one takes as long as a few steps
BURST = 16  # steps between two looks at the drawn tokens


class Replay(Protocol):
    """Runs a step again and again, told by its attention width which one it is."""

    def run(self, width: int, step: Callable[[], None]) -> None:
        """Do what ``step`` does, once. It may be called, or what it did at an earlier call with this width repeated."""

    def close(self) -> None:
        """Free what was recorded."""


class CudaGraphs:
    """One CUDA graph for each width; they are recorded, and first run, on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call]
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def run(self, width: int, step: Callable[[], None]) -> None:
        if width in self._graphs:
            self._graphs[width].replay()
        else:
            self._aside(step)
            self._graphs[width] = self._recorded(width, step)

    def _aside(self, step: Callable[[], None]) -> None:
        """The step itself, kernel by kernel."""
        current = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            step()
        current.wait_stream(self._stream)

    def _recorded(self, width: int, step: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """The step as a graph; recording it computes nothing."""
        graph = torch.cuda.CUDAGraph()
        mode = "thread_local"  # another thread may do with CUDA what it likes
        try:
            # The outer one is left also where the end of a failed recording fails.
            with (
                torch.cuda.stream(self._stream),
                torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode=mode),
            ):
                step()
        except Exception as error:  # whatever the model does that a recording may not: torch's kinds are many
            raise refused(f"attention width {width}, {self.device}", error) from error
        return graph

    def close(self) -> None:
        for graph in self._graphs.values():
            graph.reset()
        self._graphs.clear()


def refused(where: str, error: BaseException) -> UnavailableError:
    """An error of a recording, as its first cause tells it: what comes after is only that the recording broke."""
    while error.__context__ is not None:
        error = error.__context__
    return UnavailableError(
        f"a decoding step cannot be recorded as a CUDA graph ({where}): {type(error).__name__}: "
        f"{' '.join(str(error).split())[:400]}; where memory is short, end what else uses the GPU (nvidia-smi lists "
        f"it), else draw without graphs: set {SWITCH}=no"
    )


class GraphSampler(TransformersSampler):
    """A ``TransformersSampler`` over a model on one GPU that replays its steps."""

    @property
    def engine(self) -> dict[str, str]:
        return {**super().engine, "graphs": "yes"}

    def replay(self) -> Replay:
        """What replays the steps of one ``generate`` call."""
        return CudaGraphs(self.device)

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        """See ``Sampler.generate``. DataError: settings out of range, seeds that are not as many as prompts.
        UnavailableError: the model's step cannot be recorded."""
        check_request(prompts, sampling, seeds)
        if not prompts:
            return []
        started = time.perf_counter()
        requests, place = self._unique(prompts, sampling, seeds)
        samples = sampling.n if sampling.temperature > 0 else 1
        report = reporter(place, samples, on_done)
        with torch.inference_mode(), _attention(self._causal.config):
            run = GraphRun(self, requests, sampling, lambda request: report(request * samples))
            try:
                completions = run.all()
            finally:
                run.replay.close()
        self.stats = run.stats(time.perf_counter() - started, len(prompts))
        return [tuple(completions[at] * (sampling.n // samples)) for at in place]


class GraphRun(_Run):
    """A run whose every step takes all slots, so that it is the same work at the same addresses each time."""

    sampler: GraphSampler

    def _make_slots(self) -> None:
        self.burst = BURST
        super()._make_slots()
        self.block = self.slots  # they share a width
        self.replay = self.sampler.replay()

    def _width(self, length: int) -> int:
        return min(-(-length // WIDTH_STEP) * WIDTH_STEP, self.cache.values[0].shape[2])

    def _decode(self) -> None:
        self.position[len(self.active) :] = 0  # slots without a row begin anew, and never get far
        super()._decode()

    def _step(self, widths: list[int]) -> Tensor:
        """Feed each slot its last token, draw the next; [rows] int64 of the active ones."""
        steps, (width,) = self.steps + 1, widths
        self.replay.run(width, lambda: self._all_slots(width))
        self.steps = steps
        return self.last[: len(self.active)].clone()

    def _all_slots(self, width: int) -> None:
        """The plain step, with every slot taken for active; its results are in ``last``, ``position``, ``drawn``."""
        with self._filled():
            super()._step([width] * -(-self.slots // BLOCK))  # a CPU's attention wants one for each block

    @contextmanager
    def _filled(self) -> Iterator[None]:
        active = self.active
        self.active = [*active, *[NOBODY] * (self.slots - len(active))]
        try:
            yield
        finally:
            self.active = active


NOBODY = Row(0, 0, (), 0)  # stands for the row of a slot that has none
