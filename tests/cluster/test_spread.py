"""Planning on promises, filling a store, pools that lose workers, and stores behind a URL. No network."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from spread_help import Here, addresses, contents, die_always, die_once, s3_server, small_jobs, some_units

from selfboot.cli import spread as cli_spread
from selfboot.cluster.graph import Job, Reader, Unit, jobs, plan
from selfboot.cluster.pools import RETRIES, Finished, Processes
from selfboot.cluster.remote import RemoteReader, RemoteStore
from selfboot.cluster.run import Filled, fill
from selfboot.cluster.work import Site, _lab, do
from selfboot.errors import DataError, StoreError, UnavailableError
from selfboot.newmodel.models import OpenLab
from selfboot.protocols.catalogue import run_protocol
from selfboot.registry import registry
from selfboot.store import RunStore


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Here, Filled, list[Job]]:
    """A store that was filled in this process, once for all tests here: (root, pool, how it went, jobs)."""
    root = tmp_path_factory.mktemp("spread") / "store"
    pool, chosen = Here(Site(root)), small_jobs()
    return root, pool, fill(chosen, Site(root), pool), chosen


def planned(root: Path, chosen: list[Job]) -> list[Unit]:
    lab = OpenLab(Reader(root))
    return [unit for job in chosen for unit in plan(job, lab)]


# Planning


def test_jobs_are_chosen_as_claims_are_by_pytest() -> None:
    fast = jobs("fastpath", "recipe-7b", ["mini"])
    assert {job.claim for job in fast} == {name for name in registry() if "recipe-7b" in name} - {"recipe-7b-full"}
    assert [job.seed for job in fast] == list(registry()["recipe-7b"].scales["mini"].seeds) * 2, "in both arms"
    assert not jobs("fastpath and negative")
    assert {job.settings.benchmark for job in jobs("gpu", "", ["mini"])} == set()


def test_every_mini_claim_can_be_planned(tmp_path: Path) -> None:
    """Every protocol of the registry runs on promises: it either names units or says what is missing."""
    lab = OpenLab(Reader(tmp_path))
    for job in jobs("", "", ["mini"])[::6]:
        units = list(plan(job, lab))
        assert units or job.problem, f"{job.name} wants nothing and has no problem"
        assert job.wants == {unit.address for unit in units}


def test_the_baseline_is_one_unit_for_all_seeds(tmp_path: Path) -> None:
    """Two seeds: two trainings and one baseline; scores after training have to wait."""
    units = planned(tmp_path, small_jobs())
    assert sorted(unit.verb for unit in units) == ["evaluate", "evaluate", "train", "train"]
    assert len({unit.address for unit in units}) == 3
    assert all(unit.gpus == 0 for unit in units)


def test_a_reader_builds_nothing(tmp_path: Path) -> None:
    planned(tmp_path, small_jobs())
    assert not addresses(tmp_path)
    assert not list((tmp_path / "locks").iterdir())


def test_a_gpu_model_asks_for_its_gpus() -> None:
    assert Unit("samples-1", "evaluate", ("qwen2.5-72b", "humaneval"), {}).gpus == 2


# Filling


def test_filling_makes_everything_once(filled: tuple[Path, Here, Filled, list[Job]]) -> None:
    root, pool, found, _ = filled
    made = [unit.address for unit in pool.done]
    assert len(made) == len(set(made)) == 5  # baseline, two adapters, two scores
    assert set(made) == set(found.units)
    assert not found.failed
    assert not found.problems
    kinds = [name.split("/")[0] for name in addresses(root)]
    assert (kinds.count("adapter"), kinds.count("samples")) == (2, 3)


class HalfDone(Here):
    """The baseline's completions are there while its grading still runs, and a training ends in between."""

    def finished(self) -> Iterator[Finished]:
        if not self.done:
            self.queue.sort(key=lambda unit: unit.verb, reverse=True)  # the baseline comes last
            do(self.queue[-1], self.site)
            shutil.rmtree(self.site.root / "score")
        return super().finished()


def test_what_is_half_done_is_not_begun_again(tmp_path: Path) -> None:
    """A call that is under way lacks another artifact by now than when it was planned; it is the same call."""
    pool = HalfDone(Site(tmp_path))
    found = fill(small_jobs(), Site(tmp_path), pool)
    assert len(pool.done) == len(found.units) == 5
    assert not found.failed


def test_afterwards_the_protocol_only_reads(filled: tuple[Path, Here, Filled, list[Job]]) -> None:
    """What pytest will do: nothing raises ``Missing``, and the scores are real."""
    root, _, _, chosen = filled
    lab = OpenLab(Reader(root))
    for job in chosen:
        run = run_protocol(lab, job.settings, job.seed)
        assert len(run.outcomes["trained"]) == 4


def test_a_full_store_plans_nothing(filled: tuple[Path, Here, Filled, list[Job]]) -> None:
    root, _, _, _ = filled
    pool = Here(Site(root))
    again = fill(small_jobs(), Site(root), pool)
    assert not pool.done
    assert not again.units


def test_a_lost_artifact_alone_is_made_again(filled: tuple[Path, Here, Filled, list[Job]], tmp_path: Path) -> None:
    root, _, _, _ = filled
    copy = tmp_path / "store"
    shutil.copytree(root, copy)
    victim = next((copy / "score").iterdir())
    shutil.rmtree(victim)
    pool = Here(Site(copy))
    fill(small_jobs(), Site(copy), pool)
    assert [unit.address for unit in pool.done] == [f"score-{victim.name}"]
    assert contents(copy).keys() == contents(root).keys()


def test_a_failing_unit_stops_only_what_needs_it(tmp_path: Path) -> None:
    pool = Here(Site(tmp_path), fail="train")
    found = fill(small_jobs(), Site(tmp_path), pool)
    assert len(found.failed) == 2
    assert all("no luck" in why for why in found.failed.values())
    assert len(found.units) == 1, "the baseline is there all the same"
    assert "failed: train organism-0" in str(found)


def test_a_worker_of_other_versions_is_found_out(tmp_path: Path) -> None:
    """It says that it made the artifact, but under an address that nobody here knows."""
    with pytest.raises(StoreError, match=r"versions of torch, transformers or selfboot differ"):
        fill(small_jobs(), Site(tmp_path), Here(Site(tmp_path), lie=True))


def test_a_job_without_its_data_says_what_is_missing(tmp_path: Path) -> None:
    from dataclasses import replace

    (job,) = small_jobs((7,))
    job.settings = replace(job.settings, pairs="nowhere")
    found = fill([job], Site(tmp_path), Here(Site(tmp_path)))
    assert "nowhere.jsonl" in found.problems["small[7], ours arm"]


# Pools


def run_pool(pool: Processes, units: list[Unit]) -> list[tuple[str, object]]:
    for unit in units:
        pool.submit(unit)
    results: list[tuple[str, object]] = []
    while pool.running:
        results += [(unit.address, result) for unit, result in pool.finished()]
    pool.close()
    return results


def test_a_killed_process_costs_a_try_and_no_unit(tmp_path: Path) -> None:
    pool = Processes(Site(tmp_path), 2, die_once)
    assert sorted(run_pool(pool, some_units(3))) == [(f"samples-{i}", 1.0) for i in range(3)]
    assert pool.retried >= 1


def test_a_unit_that_always_kills_its_process_is_given_up(tmp_path: Path) -> None:
    pool = Processes(Site(tmp_path), 1, die_always)
    ((address, error),) = run_pool(pool, some_units(1))
    assert address == "samples-0"
    assert f"died {RETRIES + 1} times" in str(error)


# Stores behind a URL


def test_a_remote_store_sends_and_fetches(filled: tuple[Path, Here, Filled, list[Job]], tmp_path: Path) -> None:
    """Filled through one machine's folder, read through another's that was empty."""
    root, _, _, _ = filled
    url = f"file://{tmp_path / 'bucket'}"
    mine = RemoteStore(tmp_path / "mine", url)
    for name in sorted(addresses(root)):
        shutil.copytree(root / name, mine.root / name)
        kind, _, address = name.partition("/")
        assert mine._find(kind, address) is not None  # found here, and sent
    other = Site(tmp_path / "other", url)
    pool = Here(other)
    found = fill(small_jobs(), other, pool)
    assert not pool.done
    assert not found.units
    assert contents(other.root) == contents(root)


def test_what_is_built_is_sent_with_its_manifest_last(tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'bucket'}"
    store, sent = RemoteStore(tmp_path / "a", url), []
    put = store.files.put_file
    store.files = argparse.Namespace(
        makedirs=store.files.makedirs,
        exists=store.files.exists,
        put_file=lambda here, there: (sent.append(there.rpartition("/")[2]), put(here, there)),
    )
    made = store.get("thing", {"a": 1}, lambda out, work: (out / "z.txt").write_text("z") and {})
    assert sent == ["z.txt", "manifest.json"]
    other = RemoteStore(tmp_path / "b", url).get("thing", {"a": 1}, lambda out, work: pytest.fail("built twice"))
    assert other.cached
    assert (other.path / "z.txt").read_text() == "z"
    assert other.id == made.id


def test_a_half_sent_artifact_does_not_exist(tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'bucket'}"
    made = RemoteStore(tmp_path / "a", url).get("thing", {"a": 1}, lambda out, work: (out / "z").write_text("z") and {})
    (tmp_path / "bucket" / "thing" / made.id / "manifest.json").unlink()
    assert RemoteReader(tmp_path / "b", url)._find("thing", made.id) is None
    assert RemoteStore(tmp_path / "a", url)._find("thing", made.id) is not None  # sends it again
    assert RemoteReader(tmp_path / "b", url)._find("thing", made.id) is not None


def test_a_store_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nothere"):
        RemoteStore(tmp_path, "nothere://bucket/store")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_server(monkeypatch) as url:
        yield url


def test_an_s3_store_on_a_real_server(
    filled: tuple[Path, Here, Filled, list[Job]], bucket: str, tmp_path: Path
) -> None:
    """moto's server speaks S3 over HTTP; what one machine sends, another reads with the same hashes."""
    root, _, _, _ = filled
    store = RemoteStore(tmp_path / "mine", bucket)
    for name in sorted(addresses(root)):
        shutil.copytree(root / name, store.root / name)
        store.push(store.root / name)
    other = Site(tmp_path / "other", bucket)
    pool = Here(other)
    fill(small_jobs(), other, pool)
    assert not pool.done
    assert contents(other.root) == contents(root)


def build_in(root: Path, url: str) -> None:
    RemoteStore(root, url).get("thing", {"a": 1}, lambda out, work: (out / "z").write_text("z") and {})


def test_a_bucket_of_another_name_is_not_made(bucket: str, tmp_path: Path) -> None:
    for _ in range(2):  # the second time the artifact is here, and still not there
        with pytest.raises(StoreError, match="check address, credentials and bucket"):
            build_in(tmp_path, bucket.replace("bucket", "buckett"))


def test_an_s3_server_out_of_reach_is_a_store_error(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"cannot be reached: .*127\.0\.0\.1:9"):
        build_in(tmp_path, bucket)


# Command line


def test_run_without_our_options_leaves_pytest_alone() -> None:
    options = ["-m", "fastpath", "--scale", "mini", "-n", "2"]
    assert cli_spread.before_pytest(options) == options


def test_run_takes_its_own_options_and_fills_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[argparse.Namespace] = []

    def note(chosen: list[Job], args: argparse.Namespace) -> Filled:
        seen.append(args)
        assert {job.claim for job in chosen} == {"recipe-7b-full"}
        return Filled()

    monkeypatch.setattr(cli_spread, "fill", note)
    options = ["-k", "recipe-7b-full", "--scale", "mini", "--ray", "auto", "--store", str(tmp_path), "-q"]
    more = ["--engine", "transformers", "--isolation", "rlimits", "--weights", "random", "--tokens", "8"]
    assert cli_spread.before_pytest([*options, *more]) == [*options[:4], *options[6:], *more]
    assert (seen[0].ray, seen[0].store) == ("auto", tmp_path)
    expected = Site(tmp_path, "", "cpu", "rlimits", "random", "transformers", 8)
    assert cli_spread._site(seen[0]) == expected
    assert "0 units" in capsys.readouterr().out


def test_a_substitute_cannot_be_made_beforehand() -> None:
    with pytest.raises(DataError, match="--substitute"):
        cli_spread.before_pytest(["--ray", "auto", "--substitute=organism-1"])


def test_workers_and_planner_have_the_same_options(tmp_path: Path) -> None:
    """What a worker makes must have the address that was planned: engine, device, weights and cap are part of it."""
    site = Site(tmp_path, engine="transformers", tokens=5, weights="random", isolation="rlimits")
    planner, worker = OpenLab(Reader(tmp_path), **site.options()), _lab(site, -1)
    for lab in (planner, worker):
        assert (lab.tokens, lab.weights, lab.isolation, lab.engines.choice) == (5, "random", "rlimits", "transformers")
    _lab.cache_clear()


def test_the_organism_is_the_one_that_was_asked_for() -> None:
    assert {job.settings.model for job in jobs("", "recipe-7b-full", ["mini"], organism="2")} == {"organism-2"}
    assert {job.settings.model for job in jobs("", "recipe-7b-full", ["paper"], organism="2")} == {"qwen2.5-7b"}


def test_results_are_those_of_a_plain_store(filled: tuple[Path, Here, Filled, list[Job]]) -> None:
    """Addresses and manifests are a plain run store's: it finds every artifact sound."""
    root, _, _, _ = filled
    plain = RunStore(root)
    for name in addresses(root):
        kind, _, address = name.partition("/")
        found = plain._find(kind, address)
        assert found is not None
        assert json.dumps(found.manifest["key"])
