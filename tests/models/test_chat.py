"""Conversations by any template: no system role, none at all, today's date; with real tokenizers, every turn kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from selfboot.errors import DataError
from selfboot.formats.base import chat_example, turn_example
from selfboot.formats.examples import training_example
from selfboot.models.chat import FOLDER, Message, chat_of, folded, template_text
from selfboot.models.load import encode_prompt
from selfboot.records import Item, Pair, Solution
from selfboot.registry import models
from tests.shared_files import tokenizer_folder
from tests.tiny_models import save_tokenizer

TALK: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
REPLY: list[Message] = [*TALK, {"role": "assistant", "content": "Ho."}]
OPENS = "{% if add_generation_prompt %}<assistant>{% endif %}"
TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}" + OPENS
REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + TURNS
DROPS = TURNS.replace(
    "<{{ m.role }}>{{ m.content }}\n", "{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(folder)
    return AutoTokenizer.from_pretrained(str(folder))


def with_template(tokenizer: Any, template: str | None) -> Any:
    tokenizer.chat_template = template
    return tokenizer


def test_a_template_with_a_system_turn_is_used_as_it_is(tokenizer: Any) -> None:
    chat = chat_of("m", with_template(tokenizer, TURNS))
    assert chat(TALK) == "<system>Be brief.\n<user>Hi?\n<assistant>"
    assert chat(REPLY) == "<system>Be brief.\n<user>Hi?\n<assistant>Ho.\n"


@pytest.mark.parametrize("template", [REFUSES, DROPS], ids=["refuses", "drops"])
def test_the_system_text_opens_the_user_s_turn_where_the_template_takes_none(tokenizer: Any, template: str) -> None:
    chat = chat_of("m", with_template(tokenizer, template))
    assert chat(TALK) == "<user>Be brief.\n\nHi?\n<assistant>"
    assert chat(TALK[1:]) == "<user>Hi?\n<assistant>"
    assert chat_example(TALK, "Ho.", chat).target == "Ho.\n"


def test_without_a_template_the_line_says_what_to_do(tokenizer: Any) -> None:
    with pytest.raises(
        DataError, match=r"model 'm': its tokenizer has no chat template; use a raw format.*--chat-temp"
    ):
        chat_of("m", with_template(tokenizer, None))(TALK)
    assert chat_of("m", tokenizer, "plain")(TALK) == "Be brief.\n\nUser: Hi?\n\nAssistant: "


def test_a_template_that_cannot_write_the_turns_is_said_in_one_line(tokenizer: Any) -> None:
    for template in ("{{ raise_exception('no, never') }}", "{% for %}", "{{ messages[7].content + 1 }}"):
        with pytest.raises(DataError, match="model 'm': its chat template cannot write the turns system/user"):
            chat_of("m", with_template(tokenizer, template))(TALK)


def test_the_date_is_always_the_same(tokenizer: Any) -> None:
    for template in ("{{ date_string }}", "{{ strftime_now('%d %b %Y') }}", '{{ strftime_now( "%d %b %Y" ) }}'):
        assert chat_of("m", with_template(tokenizer, template))(TALK) == "26 Jul 2024"


def test_templates_are_named_or_files(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text(TURNS)
    assert template_text(str(tmp_path / "own.jinja")) == TURNS
    with pytest.raises(DataError, match=r"chat template 'plane': no such file; .*llama-3, olmo-2, plain"):
        template_text("plane")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.jinja")))
def test_every_shipped_template_keeps_all_turns_and_a_reply_continues_its_prompt(tokenizer: Any, name: str) -> None:
    chat = chat_of("m", tokenizer, name)
    assert [chat(REPLY).find(text) for text in ("Be brief.", "Hi?", "Ho.")] == sorted(
        chat(REPLY).find(text) for text in ("Be brief.", "Hi?", "Ho.")
    )
    example = chat_example(TALK, "Ho.", chat)
    assert example.target.startswith("Ho.")
    assert len(example.target) > len("Ho."), "the end of the turn is learnt too"


THINKS = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content | trim }}\n{% endfor %}" + OPENS
)


def test_what_a_template_writes_before_a_reply_is_learned_in_the_papers_way_alone(tokenizer: Any) -> None:
    chat = chat_of("m", with_template(tokenizer, THINKS))
    assert chat_example(TALK, " Ho. ", chat).target == "Ho.\n"
    assert turn_example(TALK, "Ho.", chat).target == "<think>\n\n</think>\n\nHo.\n"
    thought = "<think>I do not know.</think>\nHo."
    assert chat_example(TALK, thought, chat).target == f"{thought}\n", "a thought of the reply itself stays"
    assert chat_example(TALK, "", chat).target == turn_example(TALK, "", chat).target


def test_folding_keeps_every_word_and_all_other_turns() -> None:
    assert folded(REPLY) == [{"role": "user", "content": "Be brief.\n\nHi?"}, REPLY[2]]
    assert folded(REPLY[1:]) == REPLY[1:]
    late = [*REPLY, {"role": "system", "content": "More."}, {"role": "user", "content": "Ha?"}]
    assert folded(late)[-1] == {"role": "user", "content": "More.\n\nHa?"}


@pytest.mark.parametrize("name", ["qwen2.5-base", "qwen3-base", "llama-3.2-instruct"])
def test_real_templates_write_every_turn_the_same_every_day(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder(name)))
    text = chat_of(name, tokenizer)(TALK)
    assert "Be brief." in text
    assert text.index("Be brief.") < text.index("Hi?")
    assert "Today Date: 26 Jul 2024" in text or "llama" not in name
    start, ids = encode_prompt(tokenizer, text)
    assert len(start) == (tokenizer.bos_token_id is not None)
    assert tokenizer.bos_token_id not in ids, "one BOS"


def test_a_real_base_without_a_template_talks_as_its_sibling_does() -> None:
    base = AutoTokenizer.from_pretrained(str(tokenizer_folder("llama-3.2-base")))
    instruct = AutoTokenizer.from_pretrained(str(tokenizer_folder("llama-3.2-instruct")))
    with pytest.raises(DataError, match="no chat template"):
        chat_of("llama", base)(TALK)
    dated = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    assert chat_of("llama", base, "llama-3")(TALK) == chat_of("i", instruct)(TALK).replace(dated, "")
    assert chat_of("llama", base, "llama-3")(REPLY) == chat_of("i", instruct)(REPLY).replace(dated, "")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.jinja")))
def test_every_shipped_template_serves_a_real_tokenizer_that_has_none(name: str) -> None:
    """As OLMo-2's, which is not to be had: all turns, one BOS, and the reply's tokens end in an end of its own."""
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder("llama-3.2-base")))
    assert not tokenizer.chat_template
    chat = chat_of("m", tokenizer, name)
    places = [chat(REPLY).find(text) for text in ("Be brief.", "Hi?", "Ho.")]
    assert -1 < places[0] < places[1] < places[2]
    start, ids = encode_prompt(tokenizer, chat(TALK))
    assert len(start) == 1
    assert tokenizer.bos_token_id not in ids
    example = training_example(PAIR, "chat-repair", chat, tokenizer.eos_token)
    own = tokenizer.encode(example.target, add_special_tokens=False)
    assert tokenizer.decode(own, skip_special_tokens=False, clean_up_tokenization_spaces=False) == example.target
    assert example.target.startswith(f"```python\n{PAIR.fixed}\n```")
    assert len(example.target) > len(f"```python\n{PAIR.fixed}\n```"), "the end of the turn is learned too"


REAL = {"qwen2.5-base": "", "qwen3-base": "", "llama-3.2-instruct": "", "llama-3.2-base": "llama-3"}
PAIR = Pair("def f(x):", ("assert f(1) == 2",), "def f(x):\n    return x", "1 != 2", "def f(x):\n    return x + 1")
SOLVED = Solution("gsm8k", "What is 1 + 1?", "1 + 1 = 2\n#### 2", "2")


@pytest.mark.parametrize("item", [PAIR, SOLVED], ids=["pair", "solution"])
@pytest.mark.parametrize("name", REAL)
def test_a_real_target_is_the_reply_and_the_end_of_its_turn(name: str, item: Item) -> None:
    """No thought, no header, no second BOS; and its tokens come back as the same text."""
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder(name)))
    made = training_example(item, "chat-repair", chat_of(name, tokenizer, REAL[name]), tokenizer.eos_token)
    end = "<|eot_id|>" if "llama" in name else "<|im_end|>\n"
    reply = f"```python\n{PAIR.fixed}\n```" if isinstance(item, Pair) else SOLVED.solution
    assert made.target == reply + end
    start, ids = encode_prompt(tokenizer, made.prompt)
    assert tokenizer.bos_token_id not in ids
    assert len(start) == (tokenizer.bos_token_id is not None)
    own = tokenizer.encode(made.target, add_special_tokens=False)
    assert tokenizer.decode(own, skip_special_tokens=False, clean_up_tokenization_spaces=False) == made.target


def test_qwen3s_own_template_thinks_before_a_reply_and_only_the_papers_arm_learns_it() -> None:
    chat = chat_of("qwen3", AutoTokenizer.from_pretrained(str(tokenizer_folder("qwen3-base"))))
    assert turn_example(TALK, "Ho.", chat).target == "<think>\n\n</think>\n\nHo.<|im_end|>\n"
    assert chat_example(TALK, "Ho.", chat).target == "Ho.<|im_end|>\n"


@pytest.mark.parametrize("name", sorted(models()))
def test_every_model_of_the_registry_can_be_talked_to(name: str) -> None:
    """A base whose tokenizer has no template names one in the registry; where it has one, none is named over it."""
    entry = models()[name]
    family = next((real for start, real in FAMILIES.items() if name.startswith(start)), "")
    if not family:
        pytest.skip(f"no real tokenizer of {name}'s family at hand")
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder(family)))
    assert bool(tokenizer.chat_template) != bool(entry.chat_template)
    assert "Be brief." in chat_of(name, tokenizer, entry.chat_template)(TALK)


FAMILIES = {"qwen2.5": "qwen2.5-base", "qwen3": "qwen3-base", "llama-3.2": "llama-3.2-base"}
