"""What a worker does with a unit, in whatever process or machine it finds itself."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfboot.cluster.graph import Unit
from selfboot.engines.engines import Choice
from selfboot.errors import SelfbootError
from selfboot.lab import Adapter
from selfboot.newmodel.models import OpenLab
from selfboot.progress import ProgressFolder
from selfboot.store import Artifact, RunStore

Result = float | Exception  # seconds, or why a unit failed


@dataclass(frozen=True)
class Site:
    """Where work is done: the store's folder, the remote store behind it ("": none), and the Lab's options. With a
    remote store, each machine keeps its own folder at ``root``.
    """

    root: Path
    url: str = ""
    device: str = "cpu"
    isolation: str = "auto"
    weights: str = "trained"
    engine: Choice = "auto"
    tokens: int | None = None
    batch_invariant: bool = False

    def options(self) -> dict[str, Any]:
        """The Lab's options: whoever plans needs the same ones as who works, since they are part of the addresses."""
        names = ("device", "isolation", "weights", "engine", "tokens", "batch_invariant")
        return {name: getattr(self, name) for name in names}

    def store(self) -> RunStore:
        """The run store as this machine sees it."""
        if not self.url:
            return RunStore(self.root)
        from selfboot.cluster.remote import RemoteStore

        return RemoteStore(self.root, self.url)


@functools.lru_cache(maxsize=1)
def _lab(site: Site, process: int) -> OpenLab:
    """One Lab a process, since models take seconds to load; on one thread, since there are as many workers as cores."""
    import torch

    torch.set_num_threads(1)
    return OpenLab(
        site.store(),
        graders=1,
        progress=ProgressFolder(site.root / "progress"),
        **site.options(),
    )


def do(unit: Unit, site: Site) -> float:
    """Make the unit's artifacts, or find them made; seconds that it took."""
    began = time.perf_counter()
    lab = _lab(site, os.getpid())
    args = [_here(value, lab.store) for value in unit.args]
    options = {name: _here(value, lab.store) for name, value in unit.options.items()}
    getattr(lab, unit.verb)(*args, **options)
    return time.perf_counter() - began


def do_all(units: Sequence[Unit], site: Site, work: Callable[[Unit, Site], float] = do) -> list[Result]:
    """Many units of one model in a row, in one process: of each the seconds, or why it failed."""
    return [_tried(unit, site, work) for unit in units]


def _tried(unit: Unit, site: Site, work: Callable[[Unit, Site], float]) -> Result:
    try:
        return work(unit, site)
    except SelfbootError as error:
        return error
    except Exception as error:  # which may not survive the way back
        return SelfbootError(f"{unit}: {type(error).__name__}: {error}")


def _here(value: Any, store: RunStore) -> Any:
    """An adapter as this machine's store holds it (a path of another machine means nothing here)."""
    if not isinstance(value, Adapter):
        return value
    from selfboot.cluster.remote import RemoteStore

    if isinstance(store, RemoteStore):
        store.pull(value.artifact.kind, value.artifact.id)
    artifact: Artifact = value.artifact
    return replace(value, artifact=replace(artifact, path=store.root / artifact.kind / artifact.id))
