"""Two laboratories beside each other, and several as one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory_parts import BASE, bits, laboratory, result

from selfboot import published
from selfboot.analysis.meta import random_effects
from selfboot.analysis.paired import mcnemar
from selfboot.benchmarks.base import load_benchmark
from selfboot.cli import main
from selfboot.errors import DataError
from selfboot.exchange import compare as comparing
from selfboot.exchange import pool as pooling
from selfboot.exchange.compare import compare
from selfboot.exchange.laboratories import read_laboratory
from selfboot.exchange.pool import paper_s, pool, seed_variance
from selfboot.exchange.portable import document
from selfboot.judging.results import log_e_of, save
from selfboot.report.evidence import Shelf
from selfboot.report.gather import gather
from selfboot.report.text import as_json

LOW, HIGH = bits((0, 25)), bits((0, 96))
IDS = [task.task_id for task in load_benchmark("minieval").tasks]


class TestCompare:
    def test_flipped_tasks_have_their_names_and_mcnemar_s_p(self) -> None:
        other = bits((4, 96), (100, 109))
        found = compare(laboratory("a", result(LOW, HIGH)), laboratory("b", result(LOW, other)))
        base, trained = found.changes
        assert (base.gained, base.lost, base.test.two_sided) == ((), (), 1.0)
        assert trained.lost == tuple(IDS[:4])
        assert trained.gained == tuple(IDS[100:109])
        assert trained.test.two_sided == pytest.approx(mcnemar(9, 4).two_sided)
        assert trained.adjusted == trained.test.two_sided, "the other arm could not have been significant"
        assert found.significant == []

    def test_p_values_are_adjusted_for_the_arms_that_differ(self) -> None:
        found = compare(laboratory("a", result(LOW, HIGH)), laboratory("b", result(bits((0, 30)), bits((0, 88)))))
        base, trained = found.changes
        assert (base.adjusted, trained.adjusted) == (base.test.two_sided, 2 * trained.test.two_sided)
        assert (base.significant, trained.significant) == (False, True)

    def test_a_real_difference_is_significant(self) -> None:
        found = compare(laboratory("a", result(LOW, HIGH)), laboratory("b", result(LOW, bits((0, 60)))))
        assert [one.arm for one in found.significant] == ["trained"]
        assert "| recipe-7b | mini | organism-0 | trained | 96 | 60 | 164 | 0 | 36 |" in comparing.render(found)

    def test_seeds_of_several_cases_are_joined_and_a_task_flips_by_the_majority(self) -> None:
        other = result(LOW, bits((0, 51)), seeds=(13,), case="mini-13")
        a = laboratory("a", result(LOW, bits((0, 50)), seeds=(7,)), other)
        b = laboratory("b", result(LOW, bits((0, 53)), bits((0, 40)), bits((0, 53))))
        (_, trained) = compare(a, b).changes
        assert (trained.before, trained.after) == ((50, 51), (53, 40, 53))
        assert trained.gained == tuple(IDS[50:53])

    def test_what_only_one_has_and_what_the_manifests_say(self) -> None:
        more = result(LOW, HIGH, claim="control")
        a = laboratory("a", result(LOW, HIGH), more, machine=["x86_64", "both"])
        b = laboratory("b", result(LOW, HIGH), machine=["aarch64", "both"], engine=["vllm"])
        found = compare(a, b)
        assert found.only == {"a": ["control mini organism-0"], "b": []}
        assert found.differs == {"engine": ([], ["vllm"]), "machine": (["x86_64"], ["aarch64"])}
        assert "machine: only in A: x86\\_64" not in comparing.render(found)
        assert "- machine: only in A: x86_64; only in B: aarch64" in comparing.render(found)

    def test_verdicts_that_differ_are_named(self) -> None:
        drifted = result(LOW, bits((0, 30)))
        drifted = replace(drifted, parts=(replace(drifted.parts[0], status="drifted"),))
        found = compare(laboratory("a", result(LOW, HIGH)), laboratory("b", drifted))
        assert found.verdicts == {"recipe-7b mini organism-0": ("as calibrated", "drifted")}

    def test_nothing_in_common_is_an_error(self) -> None:
        with pytest.raises(DataError, match=r"a and b: no claim in common \(same scale and model\)"):
            compare(laboratory("a", result(LOW, HIGH)), laboratory("b", result(LOW, HIGH, model="organism-1")))


class TestPool:
    def test_lifts_are_pooled_with_the_seeds_variance(self) -> None:
        labs = [laboratory(name, result(LOW, bits((0, top)))) for name, top in (("a", 96), ("b", 80), ("c", 110))]
        (found,) = pool(labs)
        lifts = [top / 164 - 25 / 164 for top in (96, 80, 110)]
        variances = [seed_variance([top], 164) for top in (96, 80, 110)]
        assert found.alone == random_effects(lifts, variances)
        assert found.paper is not None
        both = random_effects([*lifts, found.paper.lift], [*variances, found.paper.variance])
        assert found.with_paper == both
        assert seed_variance([82], 164) == pytest.approx(0.25 / 164), "of one seed: the binomial"

    def test_the_paper_s_figures(self) -> None:
        paper = paper_s("recipe-7b")
        assert paper is not None
        assert paper.lift == pytest.approx(published.effect("recipe-7b"))
        assert (paper.seeds, round(164 * paper.before)) == (3, 25)
        assert paper.variance == pytest.approx(7.0**2 / 3 / 164**2, rel=0.02)  # bands.seed_spread's worked example
        assert paper_s("determinism") is None
        assert paper_s("no such claim") is None

    def test_the_same_model_gives_one_e_value_of_all_seeds(self) -> None:
        rows = [bits((0, top)) for top in (96, 80, 110)]
        (found,) = pool([laboratory(str(i), result(LOW, row, seeds=(i,))) for i, row in enumerate(rows, 1)])
        assert found.factors == 1
        assert found.log_e == pytest.approx(result(LOW, *rows).log_e)

    def test_e_values_of_different_models_are_multiplied(self) -> None:
        first, second = result(LOW, HIGH), result(bits((0, 30)), bits((0, 50)), model="organism-1")
        (found,) = pool([laboratory("a", first), laboratory("b", second)])
        assert found.factors == 2
        assert first.log_e is not None
        assert second.log_e is not None
        assert found.log_e == pytest.approx(first.log_e + second.log_e)

    def test_arms_that_are_both_drawn_anew_are_multiplied(self) -> None:
        sampled = replace(BASE, greedy=False)
        made = [result(LOW, HIGH, seeds=(seed,)) for seed in (1, 2)]
        drawn = [
            replace(one, solved=(replace(one.solved[0], arm=replace(sampled, seed=seed)), one.solved[1]))
            for seed, one in enumerate(made, 1)
        ]
        (found,) = pool([laboratory(str(i), replace(one, claim="synergy-14b")) for i, one in enumerate(drawn)])
        log_e = log_e_of(drawn[0].solved, drawn[0].contrast, "up")
        assert log_e is not None
        assert (found.factors, found.log_e) == (2, pytest.approx(2 * log_e))

    def test_a_repeated_run_counts_once_and_the_same_seed_elsewhere_is_said(self) -> None:
        first, second = result(LOW, HIGH), result(LOW, bits((0, 95)))
        (found,) = pool([laboratory("a", first), laboratory("b", first), laboratory("c", second)])
        assert [one.laboratory for one in found.estimates] == ["a", "c"]
        assert found.notes == (
            "b: 1 of 1 runs repeat an earlier laboratory's, and count once",
            "1 runs share model and seed with another laboratory's: they are not independent of it",
        )
        (alone,) = pool([laboratory("a", first), laboratory("b", first)])
        assert alone.log_e == pytest.approx(first.log_e)

    def test_arms_without_a_seed_are_shown_and_not_pooled(self) -> None:
        one = result(LOW, HIGH)
        still = replace(one, claim="stop-strings", solved=tuple(replace(row, arm=BASE) for row in one.solved))
        (found,) = pool([laboratory("a", still)])
        assert (found.alone, found.with_paper) == (None, None)
        assert "no seed" in pooling.render([found], ["a"])

    def test_the_table_says_it_all(self) -> None:
        labs = [laboratory(name, result(LOW, bits((0, top)))) for name, top in (("a", 96), ("b", 80))]
        text = pooling.render(pool(labs), ["a", "b"])
        (row,) = [line for line in text.splitlines() if line.startswith("| recipe-7b | mini | 2 as calibrated |")]
        assert "| +48.0 |" in row
        assert "Laboratories: a, b" in text


class TestReading:
    """A laboratory is the same from a store, a report.json and an exported file."""

    def test_three_forms_of_one(self, tmp_path: Path) -> None:
        one = result(LOW, HIGH)
        save(tmp_path / "store" / "results", [one])
        (tmp_path / "report.json").write_text(as_json(gather([one], Shelf(tmp_path / "store")), ()), encoding="utf-8")
        (tmp_path / "results.json").write_text(json.dumps(document([one], [])), encoding="utf-8")
        for name in ("", "store", "report.json", "results.json"):
            assert read_laboratory(tmp_path / name).results == (one,)

    def test_trial_runs_are_left_out_and_old_results_are_named(self, tmp_path: Path) -> None:
        old = result(LOW, HIGH, case="mini-13", solved=())
        save(tmp_path / "results", [result(LOW, HIGH), old, result(LOW, HIGH, weights="random")])
        found = read_laboratory(tmp_path)
        assert len(found.results) == 1
        assert found.skipped == ("recipe-7b[mini-13]",)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "cannot be read"), ("[1]", "cannot be read"), ("{}", "holds no results; name a run store, a report"),
            ('{"results": [{}]}', r"results\[0\]: not a result of this version"),
            ('{"results": []}', "holds no results of real runs"),
        ],
    )  # fmt: skip
    def test_errors_name_the_place_and_the_remedy(self, tmp_path: Path, content: str, said: str) -> None:
        path = tmp_path / "report.json"
        path.write_text(content)
        with pytest.raises(DataError, match=rf"report\.json: .*{said}"):
            read_laboratory(path)
        with pytest.raises(DataError, match=r"no run store \(it has no results/\); name a run store, a report"):
            read_laboratory(tmp_path)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, top in (("a", 96), ("b", 60)):
        save(tmp_path / name / "results", [result(LOW, bits((0, top)))])
    labs = [str(tmp_path / name) for name in ("a", "b")]
    assert main.main(["compare", *labs]) == 1
    assert "in 1 some task flipped, in 1 more than chance explains" in capsys.readouterr().out
    assert main.main(["compare", labs[0], labs[0]]) == 0
    assert main.main(["pool", *labs, "--out", str(tmp_path / "pooled.md")]) == 0
    printed = capsys.readouterr().out.split("Nothing differs in the manifests.\n")[1]
    assert (tmp_path / "pooled.md").read_text() == printed
    assert main.main(["pool", str(tmp_path / "none")]) == 2
    assert math.isfinite(result(LOW, HIGH).log_e or math.nan)
