"""On a cluster's GPUs one process does many units of a model in a row. Ray itself is replaced by a few lines."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.cluster.graph import Unit
from selfboot.cluster.pools import RETRIES, Cluster, batches
from selfboot.cluster.work import Site, do_all
from selfboot.errors import DataError, SelfbootError
from selfboot.protocols.dryrun import Verb

MODELS = ("qwen2.5-7b", "qwen3-8b", "qwen2.5-72b")


def unit(number: int, verb: Verb = "evaluate", model: str = "qwen2.5-7b") -> Unit:
    return Unit(f"{verb}-{number}", verb, (model, number), {})


units = st.lists(st.tuples(st.sampled_from(get_args(Verb)), st.sampled_from(MODELS))).map(
    lambda rows: [unit(at, *row) for at, row in enumerate(rows)]
)


@given(units, st.sets(st.sampled_from(MODELS)))
def test_a_batch_is_of_one_model_and_waits_for_its_trainings(queued: list[Unit], training: set[str]) -> None:
    found = batches(queued, training)
    given = [one for batch in found for one in batch]
    assert Counter(given) <= Counter(queued)
    assert len({(batch[0].model, batch[0].verb == "train") for batch in found}) == len(found)
    waiting = {one.model for one in queued if one.verb == "train"} | training
    for batch in found:
        assert len({(one.model, one.verb == "train", one.gpus) for one in batch}) == 1
        assert batch[0].verb == "train" or batch[0].model not in waiting
    held = [one for one in queued if one not in given]
    assert all(one.model in waiting and one.verb != "train" for one in held)
    if queued and not training:
        assert found, "something can always be done"


class FakeRay:
    """Runs a task when its result is asked for; loses the first ``losses`` tasks."""

    class WorkerCrashedError(Exception):
        pass

    class OutOfMemoryError(Exception):
        pass

    class NodeDiedError(Exception):
        pass

    class LocalRayletDiedError(Exception):
        pass

    class RayError(Exception):
        pass

    def __init__(self) -> None:
        self.exceptions, self.losses = self, 0
        self.tasks: list[tuple[str, float]] = []

    def is_initialized(self) -> bool:
        return True

    def remote(self, work: Callable[..., Any]) -> Any:
        def options(name: str, num_gpus: int, **_: Any) -> Any:
            return SimpleNamespace(remote=lambda *args: partial(self._do, name, num_gpus, work, args))

        return SimpleNamespace(options=options)

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def get(self, reference: Any) -> Any:
        return reference()

    def _do(self, name: str, gpus: int, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self.tasks.append((name, gpus))
        if self.losses:
            self.losses -= 1
            raise self.WorkerCrashedError
        return work(*args)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    made = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", made)  # type: ignore[arg-type]
    return made


def results(pool: Cluster, queue: list[Unit], then: Callable[[Unit], list[Unit]] = lambda one: []) -> dict[str, Any]:
    """All units, and what becomes ready when one is done."""
    for one in queue:
        pool.submit(one)
    found: dict[str, Any] = {}
    while pool.running or pool.queued:
        for one, result in pool.finished():
            found[one.address] = result
            for more in then(one):
                pool.submit(more)
    return found


def test_a_models_scores_are_one_task_after_its_trainings(ray: FakeRay, tmp_path: Path) -> None:
    """Three trainings, each followed by a score, and two scores of the base: two tasks. Another model: one more."""
    pool = Cluster(Site(tmp_path), "auto", lambda one, site: 1.0)
    queue = [unit(1), unit(2), *(unit(at, "train") for at in (3, 4, 5)), unit(6, model="qwen2.5-72b")]
    found = results(pool, queue, lambda one: [unit(one.args[1] + 10)] if one.verb == "train" else [])
    assert len(found) == 9
    assert set(found.values()) == {1.0}
    assert sorted((name.split(" (")[0], gpus) for name, gpus in ray.tasks) == [
        ("evaluate qwen2.5-72b", 2), ("evaluate qwen2.5-7b", 1), ("train qwen2.5-7b", 1),
    ]  # fmt: skip


def test_a_lost_batch_is_tried_again_and_a_failing_unit_fails_alone(ray: FakeRay, tmp_path: Path) -> None:
    def work(one: Unit, site: Site) -> float:
        if one.address == "evaluate-2":
            raise DataError("no such task")
        return 1.0

    ray.losses = 1
    pool = Cluster(Site(tmp_path), "auto", work)
    found = results(pool, [unit(at) for at in (1, 2, 3)])
    assert (found["evaluate-1"], found["evaluate-3"]) == (1.0, 1.0)
    assert isinstance(found["evaluate-2"], DataError)
    assert pool.retried == 3
    ray.losses = 100
    given_up = results(Cluster(Site(tmp_path), "auto", work), [unit(7)])
    assert f"died {RETRIES + 1} times" in str(given_up["evaluate-7"])


def test_what_cannot_be_sent_back_is_told_in_words(tmp_path: Path) -> None:
    def work(one: Unit, site: Site) -> float:
        raise RuntimeError("cublas")

    (result,) = do_all([unit(1)], Site(tmp_path), work)
    assert isinstance(result, SelfbootError)
    assert "RuntimeError: cublas" in str(result)
