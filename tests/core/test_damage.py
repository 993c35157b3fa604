"""Nothing damaged is ever believed: finished artifacts and half-done work of a run store, damaged in every way we know.

SELFBOOT_FUZZ=500 pytest tests/core/test_damage.py -k fuzz      the long version
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from damage_help import Interrupted, damage, finished, half_done, steps

from selfboot.errors import StoreError
from selfboot.storage.files import read_sealed, write_sealed
from selfboot.storage.manifest import manifest_text
from selfboot.store import Artifact, RunStore

ROUNDS = int(os.environ.get("SELFBOOT_FUZZ", "60"))


def build(out: Path, work: Path) -> dict[str, Any]:
    (out / "value.txt").write_text("right")
    (out / "more").mkdir()
    (out / "more" / "rows.jsonl").write_text("1\n2\n")
    return {"by": "test"}


def edited(path: Path, **changes: Any) -> None:
    """The manifest with other fields, and without those that are None; its own hash stays as it is."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest |= changes
    (path / "manifest.json").write_text(json.dumps({k: v for k, v in manifest.items() if v is not None}))


def forged(path: Path, **changes: Any) -> None:
    """The same, hashed anew."""
    manifest = json.loads((path / "manifest.json").read_text()) | changes
    (path / "manifest.json").write_text(manifest_text({k: v for k, v in manifest.items() if k != "sha256"}))


MANIFESTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: (path / "manifest.json").write_text(""),
    "cut": lambda path: (path / "manifest.json").write_text('{"kind": '),
    "no object": lambda path: (path / "manifest.json").write_text("[]"),
    "nothing in it": lambda path: (path / "manifest.json").write_text("{}"),
    "not text": lambda path: (path / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "gone": lambda path: (path / "manifest.json").unlink(),
    "a folder": lambda path: [(path / "manifest.json").unlink(), (path / "manifest.json").mkdir()],
    "no seconds": lambda path: edited(path, seconds=None),
    "another field": lambda path: edited(path, extra=1),
    "no files": lambda path: forged(path, files={}),
    "files as a list": lambda path: forged(path, files=["value.txt"]),
    "a file elsewhere": lambda path: forged(path, files={"../../../etc/hostname": "0" * 64}),
    "seconds as text": lambda path: forged(path, seconds="3"),
    "created is true": lambda path: forged(path, created=True),
    "seconds that are none": lambda path: forged(path, seconds=float("nan")),
    "another kind": lambda path: forged(path, kind="other"),
    "another id": lambda path: forged(path, id="0" * 20),
    "another key": lambda path: forged(path, key={"a": 2}),
    "changed provenance": lambda path: edited(path, provenance={"by": "nobody"}),
    "changed seconds": lambda path: edited(path, seconds=1e9),
    "a changed file": lambda path: (path / "value.txt").write_text("wrong"),
    "a missing file": lambda path: (path / "more" / "rows.jsonl").unlink(),
    "a folder for a file": lambda path: [(path / "value.txt").unlink(), (path / "value.txt").mkdir()],
    "a file for the folder": lambda path: [shutil.rmtree(path), path.write_text("")],
    "a link to nowhere": lambda path: [shutil.rmtree(path), path.symlink_to("/nowhere")],
}


@pytest.mark.parametrize("how", MANIFESTS)
def test_a_damaged_artifact_is_set_aside_and_built_anew(tmp_path: Path, how: str) -> None:
    store = RunStore(tmp_path)
    path = store.get("thing", {"a": 1}, build).path
    MANIFESTS[how](path)
    with pytest.warns(UserWarning, match="is damaged"):
        again = store.get("thing", {"a": 1}, build)
    assert not again.cached
    assert again.text("value.txt") == "right"
    assert len(list((tmp_path / "damaged").iterdir())) == 1
    assert store.get("thing", {"a": 1}, build).cached


def test_an_artifact_at_another_address_is_not_believed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one = store.get("thing", {"a": 1}, build).path
    wanted = store.get("thing", {"a": 2}, build).path
    shutil.rmtree(wanted)
    shutil.copytree(one, wanted)
    with pytest.warns(UserWarning, match="at another address than its own"):
        assert not store.get("thing", {"a": 2}, build).cached
    shutil.copytree(one, tmp_path / "other" / one.name)
    with pytest.warns(UserWarning, match="is damaged"):
        assert store._find("other", one.name) is None


def test_manifests_of_earlier_versions_are_still_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    edited(store.get("thing", {}, build).path, sha256=None)
    assert store.get("thing", {}, build).cached


def test_a_builder_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="made nothing that can be found again"):
        RunStore(tmp_path).get("thing", {}, lambda out, work: {})
    assert not (tmp_path / "thing").exists()


def test_a_file_changed_after_the_check_is_not_read(tmp_path: Path) -> None:
    made = RunStore(tmp_path).get("thing", {}, build)
    (made.path / "value.txt").write_text("wrong")
    with pytest.raises(StoreError, match=r"value\.txt: changed since"):
        made.text("value.txt")


def test_a_manifest_of_the_future_is_not_fresh(tmp_path: Path) -> None:
    forged(RunStore(tmp_path).get("thing", {}, build).path, created=time.time() + 1e6)
    assert RunStore(tmp_path).get("thing", {}, build).cached
    assert not RunStore(tmp_path, fresh_since=time.time()).get("thing", {}, build).cached


def test_only_who_holds_the_lock_sets_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found damaged, and made whole by another process before we have the lock: the good one stays."""
    store, other = RunStore(tmp_path), RunStore(tmp_path)
    path = store.get("thing", {}, build).path
    good = (path / "value.txt").read_bytes()
    (path / "value.txt").write_text("wrong")
    locked = RunStore._locked

    def slow(self: RunStore, kind: str, address: str) -> Any:
        (path / "value.txt").write_bytes(good)
        return locked(self, kind, address)

    monkeypatch.setattr(RunStore, "_locked", slow)
    assert other.get("thing", {}, build).cached
    assert not (tmp_path / "damaged").exists()


def _rebuild(root: Path, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        RunStore(root, fresh_since=time.time()).get("thing", {}, build)


def test_fresh_beside_readers_loses_no_file(tmp_path: Path) -> None:
    RunStore(tmp_path).get("thing", {}, build)
    writer = multiprocessing.get_context("fork").Process(target=_rebuild, args=(tmp_path, 1.5))
    writer.start()
    reads = 0
    while writer.is_alive():
        found = RunStore(tmp_path).find("thing", {})
        assert found is not None
        assert (found.path / "value.txt").read_text() == "right"
        assert found.text("more/rows.jsonl") == "1\n2\n"
        reads += 1
    writer.join()
    assert writer.exitcode == 0
    assert reads > 50
    assert not (tmp_path / "damaged").exists()


# Half-done work


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "swap", "other folder", "no seal", "a folder"])
def test_a_damaged_step_is_set_aside_and_done_again(tmp_path: Path, how: str) -> None:
    one, two = tmp_path / "pairs-1" / "step-0000.json", tmp_path / "pairs-1" / "step-0001.json"
    other = tmp_path / "pairs-2" / "step-0000.json"
    for path in (one, two, other):
        path.parent.mkdir(exist_ok=True)
        write_sealed(path, b'{"tried": 1}')
    payload = bytearray(one.read_bytes())
    payload[-3] ^= 4
    if how == "a folder":
        one.unlink()
        one.mkdir()
    else:
        one.write_bytes({"flip": payload, "cut": payload[:70], "empty": b"", "swap": two.read_bytes(),
                         "other folder": other.read_bytes(), "no seal": b'{"tried": 1}'}[how])  # fmt: skip
    with pytest.warns(UserWarning, match="half-done work .* is damaged"):
        assert read_sealed(one) is None
    assert read_sealed(one) is None, "set aside: now it is not there"
    assert read_sealed(two) == b'{"tried": 1}'


def test_fuzz_of_the_store(tmp_path: Path) -> None:
    """Finished and half-done work damaged at random, over and over: what comes out is what a quiet run makes, and the
    steps of a killed one that were not damaged are not done again."""
    quiet = finished(RunStore(tmp_path / "quiet"))
    store, rng, said = RunStore(tmp_path / "store"), random.Random(ROUNDS), 0
    for number in range(ROUNDS):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            half_done(store, rng)
            victims = [damage(rng, store.root) for _ in range(rng.randint(1, 3))]
            assert finished(store) == quiet, f"round {number}: {victims}"
        said += any("is damaged" in str(one.message) for one in told)
    assert said > ROUNDS / 3, "hardly any damage was noticed: what was tested?"


def test_half_done_work_goes_on_where_it_was(tmp_path: Path) -> None:
    store, done = RunStore(tmp_path), list[int]()
    with pytest.raises(Interrupted):
        store.get("steps", {"n": 0}, steps(0, stop=3, done=done))
    assert isinstance(store.get("steps", {"n": 0}, steps(0, done=done)), Artifact)
    assert done == [0, 1, 2, 3, 4]
