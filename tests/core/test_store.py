"""The run store keeps what it is given, builds once, survives kills and says what is wrong with a disk."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.errors import StoreError
from selfboot.store import RunStore, canonical_json, digest, write_atomic


def builder(text: str, calls: list[int] | None = None):
    def build(out: Path, work: Path) -> dict[str, str]:
        (out / "value.txt").write_text(text)
        if calls is not None:
            calls.append(1)
        return {"by": "test"}

    return build


def test_second_get_is_cached_and_identical(tmp_path: Path) -> None:
    store, calls = RunStore(tmp_path), []
    first = store.get("thing", {"a": 1}, builder("x", calls))
    second = store.get("thing", {"a": 1}, builder("x", calls))
    assert (first.cached, second.cached, len(calls)) == (False, True, 1)
    assert second.path == first.path
    assert (second.path / "value.txt").read_text() == "x"
    assert second.manifest["provenance"] == {"by": "test"}


def test_another_key_is_another_artifact(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.get("thing", {"a": 1}, builder("x")).id != store.get("thing", {"a": 2}, builder("x")).id


def test_changed_file_is_set_aside_loudly_and_rebuilt(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = store.get("thing", {}, builder("good")).path
    (path / "value.txt").write_text("bad")
    with pytest.warns(UserWarning, match=r"value\.txt is missing or changed"):
        again = store.get("thing", {}, builder("good"))
    assert not again.cached
    assert (again.path / "value.txt").read_text() == "good"
    assert len(list((tmp_path / "damaged").iterdir())) == 1


def test_cut_manifest_is_rebuilt(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    path = store.get("thing", {}, builder("x")).path
    (path / "manifest.json").write_text('{"kind": ')
    with pytest.warns(UserWarning, match="manifest cannot be read"):
        assert not store.get("thing", {}, builder("x")).cached


def test_failed_build_leaves_no_artifact_but_keeps_its_checkpoints(tmp_path: Path) -> None:
    store = RunStore(tmp_path)

    def dies(out: Path, work: Path) -> dict[str, str]:
        (work / "checkpoint").write_text("half")
        (out / "value.txt").write_text("partial")
        raise RuntimeError("killed")

    def resumes(out: Path, work: Path) -> dict[str, str]:
        assert (work / "checkpoint").read_text() == "half"
        assert not (out / "value.txt").exists()
        (out / "value.txt").write_text("whole")
        return {}

    with pytest.raises(RuntimeError):
        store.get("thing", {}, dies)
    assert not (tmp_path / "thing").exists()
    assert (store.get("thing", {}, resumes).path / "value.txt").read_text() == "whole"


def test_fresh_builds_anew_once(tmp_path: Path) -> None:
    RunStore(tmp_path).get("thing", {}, builder("old"))
    fresh = RunStore(tmp_path, fresh_since=time.time())
    assert not fresh.get("thing", {}, builder("new")).cached
    assert fresh.get("thing", {}, builder("newer")).cached
    assert (RunStore(tmp_path).get("thing", {}, builder("-")).path / "value.txt").read_text() == "new"


def _slow_get(root: str, log: str) -> None:
    def build(out: Path, work: Path) -> dict[str, str]:
        with Path(log).open("a") as file:
            file.write("built\n")
        time.sleep(0.3)
        (out / "v").write_text("1")
        return {}

    RunStore(Path(root)).get("thing", {"k": 1}, build)


def test_two_processes_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_slow_get, args=(str(tmp_path / "s"), str(tmp_path / "log"))) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    assert [p.exitcode for p in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "built\n"


def test_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    done = store.get("thing", {"n": 1}, builder("kept"))

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        store.get("thing", {"n": 2}, builder("lost?"))
    monkeypatch.undo()
    assert store.get("thing", {"n": 1}, builder("-")).cached
    assert (done.path / "value.txt").read_text() == "kept"


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/models/tiny/model.safetensors"),
        PermissionError(errno.EACCES, "Permission denied", b"/models/tiny/config.json"),
        OSError("no file named model.safetensors in that folder"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
def test_what_a_builder_lacks_elsewhere_is_no_fault_of_the_store(tmp_path: Path, error: OSError) -> None:
    def build(out: Path, work: Path) -> dict[str, str]:
        raise error

    with pytest.raises(OSError) as raised:
        RunStore(tmp_path).get("thing", {}, build)
    assert raised.value is error


@pytest.mark.parametrize(("number", "named"), [(errno.ENOSPC, False), (errno.EDQUOT, False), (errno.EIO, True)])
def test_what_a_builder_cannot_write_into_the_store_is_the_store_s(tmp_path: Path, number: int, named: bool) -> None:
    def build(out: Path, work: Path) -> dict[str, str]:
        raise OSError(number, os.strerror(number), *([str(out / "value.txt")] if named else []))

    with pytest.raises(StoreError, match="--store"):
        RunStore(tmp_path).get("thing", {}, build)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a read-only kernel file system to try")
def test_read_only_store_is_one_clear_error() -> None:
    with pytest.raises(StoreError, match="--store"):
        RunStore(Path("/proc/selfboot-store"))


def test_file_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match="store"):
        RunStore(tmp_path / "store")


def test_write_atomic_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "f"
    write_atomic(target, "old")
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(StoreError):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@given(
    st.dictionaries(
        st.text(), st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.booleans(), st.none())
    )
)
def test_canonical_json_ignores_order_and_keeps_values(value: dict) -> None:
    shuffled = dict(reversed(list(value.items())))
    assert digest(value) == digest(shuffled)
    assert json.loads(canonical_json(value)) == value


def test_paths_are_refused_in_keys(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="hash the content"):
        digest({"at": tmp_path})
