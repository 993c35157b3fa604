"""Models by data: what is found, what is refused and how it says so, and what a fingerprint depends on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from selfboot.errors import DataError, UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import encode_prompt, load_model, load_tokenizer, stop_token_ids
from selfboot.models.spec import fingerprint, locate, weights_sha256
from tests.tiny_models import ARCHITECTURES, save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def spec(folder: Path, **settings: object) -> ModelSpec:
    return ModelSpec("tiny", str(folder), **settings)  # type: ignore[arg-type]


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, selfboot.models, selfboot.sampling, selfboot.training; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loads_in_float32_eval_mode_without_gradients(architecture: str, tmp_path: Path) -> None:
    model = load_model(spec(save_model(tmp_path / "m", architecture)))
    assert not model.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in model.parameters())


def test_bf16_storage_loses_nothing_in_float32(folder: Path) -> None:
    exact = load_model(spec(folder)).state_dict()
    stored = load_model(spec(folder), dtype=torch.bfloat16).state_dict()
    assert all(torch.equal(exact[name], stored[name].float()) for name in exact)


def test_fingerprint_is_of_bytes_not_of_paths(folder: Path, copy: Path) -> None:
    assert fingerprint(spec(folder)) == fingerprint(ModelSpec("another name", str(copy)))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_fingerprint_changes_with_every_part(folder: Path, copy: Path, file: str) -> None:
    path = copy / file
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(bytes(data))
    assert fingerprint(spec(copy)) != fingerprint(spec(folder))


def test_fingerprint_notices_a_file_changed_in_place(copy: Path) -> None:
    before = fingerprint(spec(copy))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-5}))
    assert fingerprint(spec(copy)) != before


def test_random_init_is_seeded_and_another_model(folder: Path) -> None:
    random = spec(folder, sha256="of the trained weights").random_init(3)
    one, two, other = (load_model(s).state_dict() for s in (random, random, random.random_init(4)))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
    assert len({fingerprint(s) for s in (spec(folder), random, random.random_init(4))}) == 3


def test_random_init_needs_no_weights_and_leaves_random_state_alone(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    before = torch.get_rng_state()
    load_model(spec(copy).random_init())
    assert torch.equal(before, torch.get_rng_state())


def test_right_sha256_is_accepted_and_wrong_refused(folder: Path) -> None:
    right = weights_sha256(locate(spec(folder)))
    assert locate(spec(folder, sha256=right)).model == folder
    with pytest.raises(DataError, match=f"hash to {right}, the registry says 1234"):
        load_model(spec(folder, sha256="1234"))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "no config at"),
        (lambda f: (f / "model.safetensors").unlink(), r"no \*\.safetensors in"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer in"),
        (lambda f: os.truncate(f / "model.safetensors", 5000), "cannot load .* restore the files"),
        (lambda f: (f / "tokenizer.json").write_text("{"), "no usable tokenizer in"),
    ],
)
def test_damage_is_named_with_its_remedy(copy: Path, break_it: object, message: str) -> None:
    break_it(copy)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        load_model(spec(copy)), load_tokenizer(spec(copy))


def test_unknown_sources_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="hf download nobody/nothing"):
        fingerprint(ModelSpec("x", "nobody/nothing"))
    with pytest.raises(UnavailableError, match="no folder"):
        fingerprint(spec(tmp_path / "not there"))


def test_a_gpu_that_is_not_there_is_unavailable(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UnavailableError, match="sees no GPU"):
        load_model(spec(folder), "cuda")


def test_adapter_that_is_missing_or_does_not_fit(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no adapter_config\.json"):
        load_model(spec(folder), adapter=tmp_path)


def test_stop_tokens_are_eos_and_the_specs_own(folder: Path) -> None:
    tokenizer = load_tokenizer(spec(folder))
    assert stop_token_ids(spec(folder), tokenizer) == (0,)
    assert stop_token_ids(spec(folder, stop_tokens=("<|im_end|>",)), tokenizer) == (0, 2)
    with pytest.raises(DataError, match="'<nope>' is not in the tokenizer"):
        stop_token_ids(spec(folder, stop_tokens=("<nope>",)), tokenizer)


def test_a_prompt_begins_with_exactly_one_bos(folder: Path) -> None:
    tokenizer = load_tokenizer(spec(folder))
    plain = tokenizer.encode("def f():", add_special_tokens=False)
    for text in ("def f():", "<|endoftext|>def f():", "<|endoftext|><|endoftext|>def f():"):
        assert encode_prompt(tokenizer, text) == ([0], plain)
    assert encode_prompt(tokenizer, "") == ([0], [])
    tokenizer.bos_token = None
    assert encode_prompt(tokenizer, "def f():") == ([], plain)
    with pytest.raises(DataError, match="an empty prompt"):
        encode_prompt(tokenizer, "")
