"""The form-only control: well formed, of the asked name, in the same style, and seen to be wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from selfboot.analysis.failures import well_formed
from selfboot.mining.form_only import Content, form_only_pairs
from selfboot.records import CodeJob, Outcome, Pair


class InProcess:
    """Runs programs right here: those of these tests are ours and harmless."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._one(job) for job in jobs]

    def _one(self, job: CodeJob) -> Outcome:
        assert not job.trusted_tests
        space: dict[str, object] = {}
        try:
            exec(job.program, space)
            exec(job.tests, space)
        except Exception as error:
            return Outcome("wrong" if isinstance(error, AssertionError) else "error", str(error))
        return Outcome("passed")


def pair(name: str, parameters: str, body: str, *tests: str) -> Pair:
    head = f'def {name}({parameters}):\n    """Do {name}."""\n'
    return Pair(head, tests, f"{head}user\n", "SyntaxError: invalid syntax", f"{head}    {body}\n", {"step": "1"})


PAIRS = [
    pair("total", "xs", "return sum(xs)", "assert total([1, 2]) == 3", "assert total([]) == 0"),
    pair("count", "ys", "return len(ys)  # how many", "assert count([4, 4]) == 2", "assert count([]) == 0"),
    pair("add", "a, b", "return a + b", "assert add(2, 3) == 5", "assert add(1, 0) == 1"),
    pair("times", "p, q", "return p * q", "assert times(2, 3) == 6", "assert times(1, 0) == 0"),
    pair("nothing", "", "return None", "assert nothing() is None"),
]


@pytest.mark.parametrize("content", ["swapped", "corrupted"])
def test_right_form_wrong_content(content: Content) -> None:
    made = form_only_pairs(PAIRS, InProcess(), content)
    by_signature = {p.signature: p for p in PAIRS}
    assert len(made) >= 3
    for one in made:
        origin = by_signature[one.signature]
        assert (one.tests, one.broken, one.error) == (origin.tests, origin.broken, origin.error)
        assert well_formed(one.fixed, origin.signature[4:].partition("(")[0])
        assert not InProcess().grade([CodeJob(one.fixed, "", "\n".join(one.tests), False)])[0].passed
        assert one.meta["content"].startswith(content)
        assert one.meta["step"] == "1"


def test_a_swapped_body_keeps_text_and_takes_the_new_parameters() -> None:
    made = {one.signature: one for one in form_only_pairs(PAIRS, InProcess())}
    assert made[PAIRS[0].signature].fixed == PAIRS[0].signature + "    return len(xs)  # how many\n"
    assert made[PAIRS[3].signature].fixed == PAIRS[3].signature + "    return p + q\n"
    assert PAIRS[4].signature not in made  # nobody else has no parameters


def test_a_wrong_solution_that_passes_is_not_taken() -> None:
    """The other body does what is asked here too, so there is no wrong one to be had."""
    twins = [PAIRS[0], pair("addup", "zs", "return sum(zs)", "assert addup([1]) == 1", "assert addup([2]) == 2")]
    twins = [twins[0], Pair(twins[1].signature, twins[1].tests, "", "", twins[1].fixed.replace("sum(zs)", "sum( zs )"))]
    assert form_only_pairs(twins, InProcess()) == []


def test_same_seed_same_pairs() -> None:
    assert form_only_pairs(PAIRS, InProcess(), "corrupted", 1) == form_only_pairs(PAIRS, InProcess(), "corrupted", 1)


def test_a_pair_whose_fixed_is_no_function_is_left_out() -> None:
    odd = Pair("def f(x):\n", ("assert f(1) == 1",), "", "", "f = (1")
    assert form_only_pairs([odd], InProcess()) == []
