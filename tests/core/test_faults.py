"""The faults that were injected into this project, one test a kind: each ends in the undisturbed result or in one clear
line. Those of the store are in test_damage.py, kills in test_kill.py, Ray's in tests/cluster."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import selfboot.registry as registry_module
from selfboot.benchmarks.base import read_jsonl
from selfboot.cli.lab import check_adapter
from selfboot.cli.main import main
from selfboot.engines.memory import tells_of_memory
from selfboot.errors import DataError, StoreError
from selfboot.models import gguf
from selfboot.models.spec import ModelSpec, hub_hash, locate
from selfboot.pairs import provenance_path, read_items
from selfboot.paths import CLAIMS, DATA, FIXTURES, ROOT, TASKS
from selfboot.planning import doctor
from selfboot.protocols.catalogue import check_registry
from selfboot.storage import files, shipped
from selfboot.storage.files import copy_folder, write_together
from selfboot.storage.manifest import check_loaded
from selfboot.store import RunStore

PAIRS = DATA / "pairs" / "control-own.jsonl"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12337456\n"


def flip(path: Path, place: int = -100) -> None:
    payload = bytearray(path.read_bytes())
    payload[place] ^= 1
    path.write_bytes(payload)


# Shipped files


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped mini model ``floor``, tokenizer and dev tasks, as if they were the checkout's."""
    organism, tasks = tmp_path / "organism", tmp_path / "minieval"
    shutil.copytree(FIXTURES / "organism" / "tokenizer", organism / "tokenizer")
    shutil.copytree(FIXTURES / "organism" / "family" / "floor", organism / "family" / "floor")
    shutil.copy(FIXTURES / "organism" / "SHA256SUMS", organism)
    shutil.copytree(TASKS / "minieval", tasks)
    monkeypatch.setattr(shipped, "FOLDERS", (organism, tasks))
    return tmp_path


def floor(folder: Path) -> ModelSpec:
    return ModelSpec("floor", str(folder / "organism/family/floor"), tokenizer=str(folder / "organism/tokenizer"))


@pytest.mark.parametrize("name", ["family/floor/model.safetensors", "family/floor/config.json",
                                  "tokenizer/tokenizer.json", "tokenizer/chat_template.jinja"])  # fmt: skip
def test_a_model_that_is_not_what_was_shipped_is_refused(ours: Path, name: str) -> None:
    locate(floor(ours))
    flip(ours / "organism" / name, -10)
    with pytest.raises(DataError, match=rf"{name}: not the file that was shipped .*git checkout"):
        locate(floor(ours))


def test_a_git_lfs_pointer_is_told_from_weights(ours: Path) -> None:
    (ours / "organism/family/floor/model.safetensors").write_text(POINTER)
    with pytest.raises(DataError, match="a git-lfs pointer, not the file itself; run `git lfs pull`"):
        locate(floor(ours))


def test_tasks_that_are_not_what_was_shipped_are_refused(ours: Path) -> None:
    read_jsonl(ours / "minieval" / "dev.jsonl")
    flip(ours / "minieval" / "dev.jsonl")
    with pytest.raises(DataError, match=r"dev\.jsonl: not the file that was shipped"):
        read_jsonl(ours / "minieval" / "dev.jsonl")


@pytest.mark.parametrize("text", [None, "", "nonsense\n", "0" * 64 + " one-space\n"])
def test_hashes_that_are_gone_or_damaged_are_no_excuse(ours: Path, text: str | None) -> None:
    sums = ours / "minieval" / "SHA256SUMS"
    sums.unlink()
    if text is not None:
        sums.write_text(text)
    with pytest.raises(DataError, match=r"SHA256SUMS: .* restore it"):
        read_jsonl(ours / "minieval" / "dev.jsonl")


def test_doctor_finds_what_is_damaged_or_missing(ours: Path) -> None:
    assert len(shipped.damaged()) > 20, "most of the mini models are not in this copy"
    (whole,) = [text for text in shipped.damaged() if "dev.jsonl" in text] or [""]
    assert not whole
    flip(ours / "minieval" / "dev.jsonl")
    (check,) = doctor._shipped(ours)
    assert not check.ok
    assert "dev.jsonl: not the file that was shipped" in check.remedy


def test_everything_in_the_checkout_is_as_shipped() -> None:
    assert shipped.damaged() == []


@pytest.mark.parametrize("algorithm", ["sha256", "git"])
def test_a_model_of_the_hub_is_checked_against_the_hub_s_hashes(tmp_path: Path, algorithm: str) -> None:
    payload = (FIXTURES / "organism/family/floor/config.json").read_bytes()
    name = hashlib.sha256(payload).hexdigest()
    if algorithm == "git":
        name = hashlib.sha1(b"blob %d\0" % len(payload) + payload).hexdigest()
    blob, link = tmp_path / "blobs" / name, tmp_path / "snapshots" / "revision" / "config.json"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(payload)
    link.symlink_to(blob)
    assert hub_hash(link) == name
    for file in ("model.safetensors", "tokenizer.json"):
        (link.parent / file).write_text("{}")
    spec = ModelSpec("hub", str(link.parent))
    locate(spec)
    flip(blob)
    with pytest.raises(DataError, match=r"config\.json: not the hub's file .* fetch the model again"):
        locate(spec)


def test_a_model_fetched_into_a_folder_is_checked_too(tmp_path: Path) -> None:
    note = tmp_path / ".cache/huggingface/download/config.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text("revision\n" + hashlib.sha256(b"{}").hexdigest() + "\n1700000000.0\n")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    locate(ModelSpec("local", str(tmp_path)))
    (tmp_path / "config.json").write_text("{ }")
    with pytest.raises(DataError, match="not the hub's file"):
        locate(ModelSpec("local", str(tmp_path)))


def test_a_damaged_note_of_a_big_file_s_hash_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(65 << 20)
    files._known_sha256.cache_clear()
    expected = files.known_sha256(big)
    (note,) = (tmp_path / "cache" / "sha256").iterdir()
    flip(note, -3)
    files._known_sha256.cache_clear()
    with pytest.warns(UserWarning, match="is damaged"):
        assert files.known_sha256(big) == expected


@pytest.mark.parametrize("name", ["model.safetensors", "SHA256SUMS", "tokenizer.json"])
def test_a_damaged_conversion_of_a_gguf_file_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def write(path: Path, out: Path) -> None:
        out.mkdir()
        for made in ("model.safetensors", "tokenizer.json"):
            (out / made).write_text("whole")

    monkeypatch.setenv("SELFBOOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gguf, "_write", write)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    folder = gguf.convert(tmp_path / "model.gguf")
    assert gguf.convert(tmp_path / "model.gguf") == folder
    (folder / name).write_text("other")
    with pytest.warns(UserWarning, match="converted model .* is damaged"):
        assert gguf.convert(tmp_path / "model.gguf") == folder
    assert (folder / "model.safetensors").read_text() == "whole"


# Given by hand


def test_pairs_that_are_not_what_their_provenance_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    shutil.copy(PAIRS, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    provenance_path(path).write_text(json.dumps({"files": {"pairs.jsonl": sha256}}))
    assert len(read_items(path)) == 40
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:30]))
    with pytest.raises(DataError, match=r"not the file whose sha256 pairs\.provenance\.json gives"):
        read_items(path)
    provenance_path(path).write_text('{"files": ')
    with pytest.raises(DataError, match="cannot be read"):
        read_items(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `selfboot train` leaves."""
    folder = tmp_path_factory.mktemp("trained")
    words = ["train", "organism-floor", str(PAIRS), "--count", "4", "--store", str(folder / "store")]
    assert main([*words, "--out", str(folder / "adapter")]) == 0
    return folder / "adapter"


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "manifest.json"])
@pytest.mark.parametrize("how", ["flip", "cut"])
def test_an_adapter_that_is_not_what_its_manifest_says_is_refused(
    trained: Path, tmp_path: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "adapter"
    shutil.copytree(trained, copy)
    check_adapter(copy)
    if how == "flip":
        flip(copy / name, -30)
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:50])
    words = ["evaluate", "organism-floor", "minieval-dev:1", "--adapter", str(copy), "--store", str(tmp_path / "store")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"selfboot: adapter {copy}: ")


def test_without_a_manifest_the_record_of_the_training_is_asked(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "adapter"
    shutil.copytree(trained, copy)
    (copy / "manifest.json").unlink()
    check_adapter(copy)
    flip(copy / "adapter_model.safetensors")
    with pytest.raises(DataError, match=r"do not hash to the sha256 in training\.json"):
        check_adapter(copy)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_an_adapter_that_changes_while_it_is_read_is_not_used(trained: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "adapter"
    shutil.copytree(trained, copy)
    sha256 = files.file_sha256(copy / "adapter_model.safetensors")
    check_loaded(copy, sha256)
    flip(copy / name, -30)
    with pytest.raises(StoreError, match=r"changed as it was read: .*; the same command again mends it"):
        check_loaded(copy, sha256)


# Outputs


def full(*_: Any, **__: Any) -> None:
    raise OSError(28, os.strerror(28))


@pytest.mark.parametrize("broken", ["first", "second"])
def test_files_that_belong_together_appear_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    one, two, real, calls = tmp_path / "one", tmp_path / "two", os.fsync, list[int]()
    write_together({one: "old", two: "old"})

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        full() if len(calls) == (1 if broken == "first" else 2) else real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreError, match="disk is full"):
        write_together({one: "new", two: "new"})
    assert (one.read_text(), two.read_text()) == ("old", "old")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_copied_folder_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for name in ("a", "manifest.json"):
        (source / name).write_text("new")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        patch.setattr(shutil, "copy2", full)
        with pytest.raises(StoreError, match="disk is full"):
            copy_folder(source, out, "manifest.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
    copy_folder(source, out, "manifest.json")
    (out / "mine").write_text("kept")
    copy_folder(source, out, "manifest.json")
    assert sorted(path.name for path in out.iterdir()) == ["a", "manifest.json", "mine"]


@pytest.mark.parametrize("command", ["train", "mine"])
def test_an_output_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "file").write_text("")
    words = {"train": ["train", "organism-floor", str(PAIRS)], "mine": ["mine", "organism-floor"]}[command]
    assert main([*words, "--out", str(tmp_path / "file" / "out"), "--store", str(tmp_path / "store")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "a file stands where a folder is needed" in line
    assert not (tmp_path / "store").exists()


# Errors in one line


def pytest_on_a_claim(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    chosen = [
        "-k",
        "few-pairs-72b",
        "--scale",
        "mini",
        "--weights",
        "random",
        "--tokens",
        "8",
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", str(ROOT / "claims"), "-n", "0", "-q", *chosen, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, **more)


def test_a_store_that_is_a_file_is_one_line_in_pytest(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    done = pytest_on_a_claim(f"--store={tmp_path / 'store'}")
    assert done.returncode == 1
    assert "a file stands where a folder is needed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "conftest.py:" not in done.stdout
    assert len(done.stdout.splitlines()) < 12


@pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v is Linux's")
def test_a_limit_of_memory_is_one_line(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))

    done = pytest_on_a_claim(f"--store={tmp_path}", preexec_fn=limited)
    assert done.returncode == 1
    assert "0.9 GB of address space, 2 at least are needed; lift the limit" in done.stdout
    assert len(done.stdout.splitlines()) < 12


def test_what_libraries_call_a_lack_of_memory() -> None:
    for error in (
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 2213376 bytes"),
    ):
        assert tells_of_memory(error)
    assert not tells_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_terminal_of_ascii_gets_ascii(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for words in (["claims"], ["claims", "--help"], ["plan"]):
        command = [sys.executable, "-m", "selfboot", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        assert done.stdout.isascii()


# Senseless input


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "organism-0", str(PAIRS), "--count", "-3", "--out", "x"], "--count: '-3': expected a whole number"),
        (["train", "organism-0", str(PAIRS), "--count", "0", "--out", "x"], "--count: '0': expected a whole number"),
        (["mine", "organism-0", "--steps", "0", "--out", "x"], "--iterations: '0': expected a whole number above 0"),
        (["mine", "organism-0", "--target", "-1", "--out", "x"], "--target: '-1': expected a whole number above 0"),
        (["evaluate", "organism-0", "minieval", "--n", "0"], "--n: '0': expected a whole number above 0"),
        (
            ["train", "organism-0", str(PAIRS), "--seed", "-1", "--out", "x"],
            "--seed: '-1': expected a whole number from",
        ),
        (["calibrate", "organism-0", "--seeds", "0"], "--seeds: '0': expected a whole number above 0"),
    ],
)
def test_senseless_numbers_are_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine", "organism-0", "--set", "steps=0"], "--set steps=0: it takes a number from 1 up"),
        (["mine", "organism-0", "--set", "train_every=-1"], "it takes a number from 0 up"),
        (["spread", "-k", "nosuchclaim"], "no claim is selected; `selfboot claims` lists them"),
        (["spread", "--plan", "-m", "gpu and mini"], "no claim is selected"),
        (["run", "-k", "nosuchclaim", "--processes", "1"], "no claim is selected"),
    ],
)
def test_senseless_settings_and_selections_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--out", str(tmp_path / "out")] if words[0] == "mine" else []
    assert main([*words, *more]) == 2
    assert message in capsys.readouterr().err


TYPOS = {
    "model": ('model = "organism-0"', 'model = "organism-O"', "unknown model 'organism-O'"),
    "recipe": ('recipe = "mini"', 'recipe = "mni"', "unknown recipe 'mni'"),
    "benchmark": ('benchmark = "minieval"', 'benchmark = "minevil"', "unknown benchmark 'minevil'"),
    "protocol": ('protocol = "train_and_score"', 'protocol = "train_or_score"', "unknown protocol 'train_or_score'"),
    "key": ("minutes =", "minuets =", "unknown key 'minuets'"),
    "toml": ("[recipe-7b]", "[recipe-7b", r"3_2_recipe\.toml"),
    "no text": ("recipe", "recipe\udcff", "codec can't decode"),
}


@pytest.mark.parametrize("what", TYPOS)
def test_a_typo_in_the_registry_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    right, wrong, message = TYPOS[what]
    for path in CLAIMS.glob("*.toml"):
        shutil.copy(path, tmp_path)
    path = next(path for path in sorted(tmp_path.glob("3_2_*.toml")) if right in path.read_text())
    path.write_bytes(path.read_text().replace(right, wrong, 1).encode(errors="surrogateescape"))
    monkeypatch.setattr(registry_module, "CLAIMS", tmp_path)
    registry_module.registry.cache_clear()
    try:
        with pytest.raises(DataError, match=message):
            check_registry()
    finally:
        registry_module.registry.cache_clear()


def test_a_store_without_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"disk is full: .*; finished work is kept"):
        store.get("thing", {}, lambda out, work: {"wrote": (out / "x").write_text("x")})
