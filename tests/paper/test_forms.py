"""The paper's formats: the scripts' messages to the letter, their readings to the letter, their training texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.errors import DataError, UnavailableError
from selfboot.formats import answer_format, code_format
from selfboot.formats.paper import paper_answers, paper_code
from selfboot.formats.paper.pairs import PAIR_FORMATS, paper_example
from selfboot.formats.paper.reading import ANSWERS, PROGRAMS, boxed_of, code_of, is_right, normalized, vote_key
from selfboot.pairs import read_items
from selfboot.paper.protocols import forms
from selfboot.paper.texts import TEXTS_ENV, say
from selfboot.records import AnswerTask, CodeTask, Pair, Solution
from tests.shared_files import real

TASK = CodeTask(
    "t", 'def f(x):\n    """Twice x.\n    """\n', "f", ("import math", "assert f(1) == 2", "assert f(2) == 4"), ""
)


def chat(messages: Sequence[dict[str, str]]) -> str:
    """ChatML, as Qwen's template writes it."""
    turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return turns if messages[-1]["role"] == "assistant" else turns + "<|im_start|>assistant\n"


# ---------------------------------------------------------------- code out of a completion


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\ndef f(): pass\n```", "def f(): pass"),
        ("```python block only.", "block only."),  # no newline wanted: the junk of the released pairs
        ("```python\ndef f(): pass", "def f(): pass"),  # never closed
        ("```py\ndef f(): pass\n```", "py\ndef f(): pass"),  # the info string stays in
        ("```\na\n```\n```python\nb\n```", "b"),  # a later ```python goes before an earlier ```
        ("```python\n    return 1\n```", "return 1"),  # the first line loses its indentation
        ("```python\na\n```\n```python\nb\n```", "a"),
        ("  no fence \n", "  no fence \n"),  # unstripped
    ],
)
def test_code_is_cut_as_the_scripts_cut_it(text: str, code: str) -> None:
    assert code_of(text) == code


def their_extract_code(text: str) -> str:
    """How the scripts cut code out of a reply, step by step: a second way to write the rule of ``code_of``."""
    mark = text.find("```python")
    mark, length = (mark, 9) if mark >= 0 else (text.find("```"), 3)
    rest = text[mark + length :]
    end = rest.find("```")
    return (rest if end < 0 else rest[:end]).strip()


@given(st.text(alphabet=st.sampled_from("`\npython def:( \t"), max_size=60))
def test_code_of_any_text_follows_the_rule(text: str) -> None:
    assert code_of(text) == (their_extract_code(text) if "```" in text else text)


@pytest.mark.parametrize(
    ("reading", "completion", "program"),
    [
        ("chat", "def f(x): return 2 * x", "def f(x): return 2 * x"),  # the prompt's imports are missing
        ("chat", "return 2 * x", "P\nreturn 2 * x"),
        ("chat", "```python\n    return 2 * x\n```", "P\nreturn 2 * x"),  # an indented body in a fence never works
        ("solution", "```python\nreturn 1\n```", "return 1"),
        ("raw", "    return 1", "P    return 1"),
        ("raw-newline", "    return 1", "P\n    return 1"),
        ("raw-fence", "a\n```python\n    return 1\n```\n", "P\n\n    return 1\n"),
        ("raw-fence", "```\nx\n```", "P\n```\nx\n```"),
        ("bare", "def f(): pass", "def f(): pass"),
        ("bare-fence", "def f(): pass\n```\nrest", "def f(): pass"),
        ("bare-fence", "text\n```python\ndef f(): pass\n```", "def f(): pass"),
        ("lens", "(x):\n    return 1", "def solution(x):\n    return 1"),
    ],
)
def test_programs_are_put_together_as_the_scripts_do(reading: str, completion: str, program: str) -> None:
    assert PROGRAMS[reading]("P", completion) == program


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        ("gsm8k", "so #### 18", "18"),
        ("gsm8k", "#### 1,234", "1"),  # a comma cuts it
        ("gsm8k", "#### $18 and 7 more", "7"),  # a dollar sign is no marked number
        ("gsm8k", "#### 3\n#### 4", "3"),
        ("gsm8k", r"\boxed{-2.5} and 9", "-2.5"),
        ("gsm8k", "one 2 then 30.", "30"),
        ("gsm8k", "nothing", None),
        ("math", r"\boxed{1} then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("math", r"\boxed{1} then \boxed{2", None),  # the last one counts, closed or not
        ("math", "no box 7", None),
        ("aime", r"\boxed{012} then \boxed{7}", "012"),  # the FIRST box
        ("aime", "1\n2\n3\nthe 44 and 5\nno number", "5"),
        ("aime", "9\n\n\n\n\nno number", None),  # only the last five lines
        ("aime-last-line", "44\nno number", None),
        ("aime-last-line", "x\nis 44.", "44"),
    ],
)
def test_answers_are_found_where_the_scripts_look(rule: str, text: str, answer: str | None) -> None:
    assert ANSWERS[rule][0](text) == answer


@pytest.mark.parametrize(
    ("rule", "answer", "gold", "right"),
    [
        ("gsm8k", "18.009", "18", True),
        ("gsm8k", "18.02", "18", False),
        ("gsm8k", "1234", "1,234", True),
        ("math", r"\text{(A)}", "(A)", True),
        ("math", "1,000", "1000", True),
        ("math", r"\left(1,2\right)", "(12)", True),  # a comma between digits goes, in a point too
        ("math", r"90^\circ", "90", True),
        ("math", "0.5", r"\frac{1}{2}", False),  # nothing symbolic
        ("math", "0.50", ".5", True),
        ("math-stripped", r"\text{(A)}", "(A)", False),
        ("math-exact", " 3x", "3x", False),
        ("math-exact", " 3 ", "3", True),  # floats
        ("aime", "007", "7", True),
        ("aime", "9" * 5000, "7", False),
    ],
)
def test_answers_are_equal_as_the_scripts_say(rule: str, answer: str, gold: str, right: bool) -> None:
    assert ANSWERS[rule][1](answer, gold) == right


@given(
    st.text(alphabet=st.sampled_from("\\boxed{}#$ 0123456789.,-\nABtext^circ"), max_size=80),
    st.sampled_from(sorted(ANSWERS)),
)
def test_no_text_breaks_a_reading(text: str, rule: str) -> None:
    """Whatever is found is part of the text; a found answer equals itself, unless it is a number beyond reading."""
    found, _ = is_right(text, "7", rule)
    assert found is None or found in text
    if found is not None and rule.startswith("math"):
        assert ANSWERS[rule][1](found, found)
        assert normalized(normalized(found)) is not None


@given(st.recursive(st.text(alphabet="ab,1 ", max_size=4), lambda inner: inner.map(lambda t: f"{{{t}}}"), max_leaves=4))
def test_a_balanced_box_gives_what_stands_in_it(inside: str) -> None:
    assert boxed_of(rf"so \boxed{{{inside}}} done") == inside.strip()


@pytest.mark.parametrize(("answer", "key"), [(" $1,200 $", "1200"), (r"\Pi x", r"\pix"), ("", ""), (None, None)])
def test_vote_keys(answer: str | None, key: str | None) -> None:
    assert vote_key(answer) == key


def test_numbers_are_floats_as_theirs_are() -> None:
    assert is_right("#### " + "9" * 400, "1", "gsm8k") == ("9" * 400, False)
    assert math.isinf(float("9" * 400))


# ---------------------------------------------------------------- messages


def test_every_format_has_a_reading_and_can_be_made(texts: None) -> None:
    for name, form in forms().items():
        if form.reading in PROGRAMS:
            made = code_format(name)
            assert made.name == name
            assert bool(made.stop) == bool(form.stops)
            prompt = made.prompt(TASK, chat)
            assert prompt.startswith("<|im_start|>system\n") == bool(form.system)
        else:
            asked = answer_format(name).prompt(AnswerTask("a", " What is 1 + 1? ", "2"), chat)
            assert " What is 1 + 1? " in asked  # not stripped
            assert asked.startswith("<|im_start|>system\n") == bool(form.system)
    with pytest.raises(DataError, match="unknown format 'paper-none'"):
        code_format("paper-none")


def test_the_chat_prompt_is_the_scripts_to_the_letter(texts: None) -> None:
    """Two literals joined by us: a blank line at the prompt's end stays, as nothing is stripped."""
    said = paper_code("paper-chat").prompt(TASK, chat)
    assert said == chat(
        [
            {"role": "system", "content": say("code.system")},
            {"role": "user", "content": TASK.prompt + say("code.suffix")},
        ]
    )
    block = paper_code("paper-chat-block").prompt(TASK, chat)
    assert block == said.replace(say("code.system"), say("code.system.one_block"))


def test_the_mbpp_prompt_comments_what_the_scripts_comment(texts: None) -> None:
    """Task and asserts, one comment line each; of a task of several lines only the first is one."""
    task = CodeTask("m", "Write a function.\nSecond line.", "f", TASK.tests, "")
    said = paper_code("paper-mbpp-cross").prompt(task, chat)
    lines = said.split("\n")
    assert lines[1] == "Second line."
    assert [line for line in lines if "assert" in line] == ["# assert f(1) == 2", "# assert f(2) == 4"]
    assert said.endswith("\n\n")
    assert "import math" not in said


def test_the_lens_forces_a_name_without_a_bracket(texts: None) -> None:
    for name in ("brute-force", "closed-form", "hash-map", "recursion"):
        form = paper_code(f"paper-lens-{name}")
        said = form.prompt(TASK, chat)
        assert said.startswith(paper_code("paper-mbpp-raw3").prompt(TASK, chat))
        assert said.endswith("\ndef solution")
        assert form.program(TASK, "(x): pass") == "def solution(x): pass"
    assert say("lens.recursion.hint") in said


def test_stop_strings_can_be_replaced(texts: None) -> None:
    assert paper_code("paper-raw").stop == ("\nclass ", "\nif __name__", "\nprint(", "\n#")
    assert code_format("paper-raw", stop=("x",)).stop == ("x",)


def test_ours_reads_the_same_text_beside(texts: None) -> None:
    for name, style in (("paper-gsm8k", "gsm8k"), ("paper-math-plain", "math"), ("paper-aime-scaling", "aime")):
        assert paper_answers(name).style == style
    assert paper_answers("paper-gsm8k").right("#### 18", "18")
    assert not paper_answers("paper-gsm8k").right("#### 1,234", "1234")


def test_without_the_texts_a_paper_format_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEXTS_ENV, "/nowhere/texts.json")
    with pytest.raises(UnavailableError, match="fetch --only paper-texts"):
        paper_code("paper-chat").prompt(TASK, chat)


# ---------------------------------------------------------------- training texts

PAIR = Pair(
    "def f(x):\n", ("assert f(1) == 2", "assert f(2) == 4"), "def f(x):\n    {x}\n", "E" * 200, "def f(x): return 2\n"
)


@pytest.mark.parametrize("name", sorted(PAIR_FORMATS))
def test_pairs_are_rendered_unstripped(texts: None, name: str) -> None:
    example = paper_example(PAIR, name, chat)
    whole = example.prompt + example.target
    assert PAIR.broken in whole
    assert PAIR.fixed in example.target
    if "repair" in name and "raw" not in name:
        assert example.target.endswith("```<|im_end|>\n")  # the end-of-turn token is learned
        assert PAIR.error in example.prompt
    elif name == "paper-released":
        assert example.prompt == ""
        assert PAIR.signature.strip() not in whole.replace(PAIR.broken, "").replace(PAIR.fixed, "")
    else:
        assert example.target == PAIR.fixed  # no newline, no end of text
        assert (PAIR.error[:120] in example.prompt) == (name != "paper-raw-repair")
        assert (PAIR.error in example.prompt) == (name == "paper-raw-repair-eval")
    with pytest.raises(DataError, match="unknown pair format 'chat'"):
        paper_example(PAIR, "chat", chat)


def test_all_released_pairs_are_rendered_and_their_texts_arrive_whole(texts: None) -> None:
    """40 + 60 code pairs in every pair format, 13 solved problems in theirs: no brace, quote or newline is lost."""
    items = [
        item
        for name in ("pairs_7b_40", "pairs_14b_multi_new60", "pairs_math_13")
        for item in read_items(real(f"released/{name}.jsonl"))
    ]
    assert len(items) == 113
    for item in items:
        if isinstance(item, Solution):
            example = paper_example(Solution(item.problem, item.solution, item.answer, format="paper-gsm8k"), "", chat)
            assert example.prompt.endswith(f"{item.problem}<|im_end|>\n<|im_start|>assistant\n")
            assert example.target == f"{item.solution}<|im_end|>\n"
            continue
        for name in PAIR_FORMATS:
            example = paper_example(item, name, chat)
            for part in (item.broken, item.fixed, *item.tests):
                assert part in example.prompt + example.target, name


def test_solved_problems_are_rendered_for_each_target(texts: None) -> None:
    plain = Solution("1 + 1?", "Two. \\boxed{2}", "2", format="paper-math-plain")
    example = paper_example(plain, "", chat)
    assert example.prompt == say("math.user", problem="1 + 1?") + " "
    assert example.target == plain.solution  # no template, no end of text
    trace = Solution("1 + 1?", "2", "2", "Three.", "trace", "paper-math-correct")
    assert paper_example(trace, "", chat).target == f"Three.{say('self_correction.reconsider')}2<|im_end|>\n"
    repair = Solution("1 + 1?", "2", "2", "Three.", "repair", "paper-gsm8k")
    example = paper_example(repair, "", chat)
    request = say("gsm8k.user", problem="1 + 1?")
    assert say("answer_repair.user", request=request, broken="Three.") in example.prompt
