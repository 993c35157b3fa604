"""A Lab for any part of a benchmark, as diagnosis and the whole recipe on a new model need it."""

from __future__ import annotations

from dataclasses import replace

from selfboot.benchmarks.base import Benchmark
from selfboot.formats.base import code_format
from selfboot.lab import GREEDY, Adapter, Lab, Score
from selfboot.mining.base import derive
from selfboot.records import Sampling


class OpenLab(Lab):
    """A Lab for any part of a benchmark."""

    def __enter__(self) -> OpenLab:
        return self

    def score(
        self,
        model: str,
        bench: Benchmark,
        format: str = "chat",
        sampling: Sampling = GREEDY,
        seed: int = 0,
        adapter: Adapter | None = None,
    ) -> Score:
        """``evaluate`` on a benchmark at hand; a whole one has the very artifacts of ``evaluate``."""
        form = code_format(format)
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        drawn = replace(sampling, stop=form.stop)
        samples = self.sample(model, prompts, drawn, seeds, adapter, what=f"{bench.name}, {format}")
        rows = zip(bench.tasks, samples.completions, strict=True)
        return self._grade(bench, samples, [[form.program(task, c.text) for c in row] for task, row in rows])
