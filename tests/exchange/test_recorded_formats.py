"""What is exported can be read again, whatever a model wrote; and what others log is read as they mean it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laboratory_parts import bits, portable, result

from selfboot.errors import DataError
from selfboot.exchange import lm_eval
from selfboot.exchange.portable import document, read, results_of, schema, sha256, sources
from selfboot.grading.sample_file import Sample, by_task, read_samples

IDS = [f"MiniEval-test/{number}" for number in range(3)]
TEXTS = st.fixed_dictionaries({name: st.lists(st.text(), min_size=1, max_size=3) for name in IDS})
KEPT = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def texts_of(found: dict[str, list[Sample]]) -> dict[str, list[str]]:
    return {name: [one.text for one in row] for name, row in found.items()}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@given(TEXTS)
@KEPT
def test_lm_eval_s_form_is_read_again(tmp_path: Path, texts: dict[str, list[str]]) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(lm_eval.text(portable(texts)), encoding="utf-8")
    assert texts_of(read_samples(path, IDS)) == texts


@given(TEXTS)
@KEPT
def test_our_own_form_is_read_again(tmp_path: Path, texts: dict[str, list[str]]) -> None:
    path, found = tmp_path / "results.json", result("01", "11")
    path.write_text(json.dumps(document([found], [portable(texts)])), encoding="utf-8")
    ((arm, source),) = sources(path, found.claim, found.scale)
    assert texts_of(by_task(source.rows, IDS)) == texts
    assert arm.role == "base"
    assert results_of(read(path)["results"], "here") == [found]


def test_rows_have_lm_eval_s_fields() -> None:
    (row,) = lm_eval.rows(portable({"MiniEval-test/0": ["a", "b"]}))
    assert row["resps"] == row["filtered_resps"] == [["a", "b"]]
    assert row["pass@1"] == 0.5
    assert row["arguments"]["gen_args_0"]["arg_1"] == {
        "until": ["\n\n"], "max_gen_toks": 9, "do_sample": False, "temperature": 0.0, "top_p": 0.95,
    }  # fmt: skip
    assert row["prompt_hash"] == sha256("prompt of MiniEval-test/0")
    assert {"doc_id", "doc", "target", "filter", "metrics", "doc_hash", "target_hash"} <= set(row)
    (answer,) = lm_eval.rows(portable({"0": ["42"]}, "answer-score", "minimath"))
    assert answer["metrics"] == ["exact_match"]


def test_the_schema_is_one_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    table = document([result("01", "11")], [portable({"MiniEval-test/0": ["a"]})])
    jsonschema.validate(json.loads(json.dumps(table)), schema())
    path = tmp_path / "results.json"
    for change, said in (
        ({"schema": "selfboot-results-9"}, r"\$\.schema: 'selfboot-results-1' was expected"),
        ({"samples": [{**table["samples"][0], "tasks": [{"task_id": 5}]}]}, r"\$\.samples\[0\]\.tasks\[0\]"),
        ({"results": [{}]}, r"\$\.results\[0\]: '\w+' is a required property"),
    ):
        path.write_text(json.dumps({**table, **change}))
        with pytest.raises(DataError, match=said):
            read(path)
    path.write_text("{")
    with pytest.raises(DataError, match=r"results\.json: cannot be read"):
        read(path)
    path.write_text(json.dumps(table))
    with pytest.raises(DataError, match="no completions of control at mini scale"):
        sources(path, "control", "mini")


def logged(number: int, resps: Any, **more: Any) -> dict[str, Any]:
    return {"doc_id": number, "doc": {"question": "?"}, "target": "4", "resps": resps, "filter": "strict-match", **more}


class TestLmEval:
    """What its ``--log_samples`` writes."""

    IDS = tuple(f"gsm8k/{number}" for number in range(3))

    def read(self, tmp_path: Path, *rows: dict[str, Any]) -> dict[str, list[str]]:
        return texts_of(read_samples(write(tmp_path / "samples.jsonl", list(rows)), self.IDS))

    def test_a_document_is_logged_once_a_filter_and_counts_once(self, tmp_path: Path) -> None:
        rows = [logged(0, [["#### 4"]]), logged(1, [["five"]])]
        again = [{**row, "filter": "flexible-extract"} for row in rows]
        assert self.read(tmp_path, *rows, *again) == {"gsm8k/0": ["#### 4"], "gsm8k/1": ["five"]}

    def test_repeats_are_samples_of_one_task(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, logged(2, [["a", "b", "a"]])) == {"gsm8k/2": ["a", "b", "a"]}

    def test_the_document_s_own_id_comes_first(self, tmp_path: Path) -> None:
        path = write(tmp_path / "s.jsonl", [logged(0, [["x"]], doc={"task_id": "HumanEval/7"})])
        assert texts_of(read_samples(path, ["HumanEval/0", "HumanEval/7"])) == {"HumanEval/7": ["x"]}

    @pytest.mark.parametrize("resps", [[], [[]], [[[-1.5, False]], [[-2.0, True]]], 5])
    def test_choices_are_no_texts(self, tmp_path: Path, resps: Any) -> None:
        with pytest.raises(DataError, match=r"s\.jsonl:1: 'resps' holds no texts; log the samples of a task that"):
            read_samples(write(tmp_path / "s.jsonl", [logged(0, resps)]), self.IDS)

    def test_an_unknown_document_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"samples\.jsonl:1: the benchmark has no task 3"):
            self.read(tmp_path, logged(3, [["x"]]))


def test_bits() -> None:
    assert bits((0, 2), (3, 4), n=5) == "11010"
