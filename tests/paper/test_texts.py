"""The paper's texts: read out of a syntax tree by place, checked by hash, filled as their syntax says."""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import selfboot.paper.texts as texts
from selfboot.datasets.pinned import DATA_ENV
from selfboot.errors import DataError, UnavailableError
from selfboot.paper.literals import template_at
from tests.shared_files import real

SCRIPT = '''\
"""A made-up script; running it would raise."""
raise SystemExit
RULES = [("first", "# one"), ("second", "# two")]
ASK = """Make {name} and keep {{braces}}."""


def outer(p, model):
    def inner(r):
        return (f"Task: {r['task']}\\n"
                f"Tests: " + "; ".join(r["tests"]) + "\\n")
    stops = model.stops or ["\\nclass ", "\\n#"]
    return [p["head"] + "\\n# go" for _ in stops if "def " not in p]
'''


def place_of(within: str, text: str) -> tuple[tuple[int, int], str]:
    """Line and column of the made-up script's line that holds ``text``, and what is around it."""
    number, line = next((n, line) for n, line in enumerate(SCRIPT.split("\n"), 1) if text in line)
    return (number, line.index(text)), within


@pytest.mark.parametrize(
    ("within", "begins", "template"),
    [
        ("ASK", '"""Make', "Make {name} and keep {{braces}}."),
        ("RULES", '"second"', "second"),
        ("RULES", '"# two"', "# two"),
        ("outer.inner", 'f"Task', "Task: {r['task']}\nTests: {'; '.join(r['tests'])}\n"),
        ("outer", '["\\nclass', json.dumps(["\nclass ", "\n#"])),
        ("outer", 'p["head"]', "{p['head']}\n# go"),
        ("outer", '"\\n# go"', "\n# go"),
    ],
)
def test_a_literal_is_read_by_its_place(within: str, begins: str, template: str) -> None:
    assert template_at(SCRIPT, *place_of(within, begins), "made-up.py") == template


@pytest.mark.parametrize(("at", "within"), [((4, 0), "ASK"), ((4, 6), "RULES"), ((99, 0), "ASK"), ((10, 15), "outer")])
def test_another_place_is_an_error_that_names_it(at: tuple[int, int], within: str) -> None:
    with pytest.raises(DataError, match=rf"made-up\.py:{at[0]}:{at[1]}: no string literal.*pinned commit"):
        template_at(SCRIPT, at, within, "made-up.py")


def test_what_is_no_script_is_an_error() -> None:
    with pytest.raises(DataError, match=r"made-up\.py: not a Python file"):
        template_at("404: Not Found (", (1, 0), "x", "made-up.py")


PARTS = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(["{a}", "{b['x']}"])), min_size=1, max_size=6)


@given(PARTS, st.text(max_size=9), st.text(max_size=9))
def test_a_filled_template_is_what_python_makes_of_the_expression(parts: list[str], a: str, b: str) -> None:
    """f-strings and sums of any text, braces included, mean the same to us as to Python."""
    seen, nodes = set(), []
    for part in parts:
        slot = part if part in ("{a}", "{b['x']}") else ""
        if slot in seen:
            continue
        seen |= {slot} - {""}
        nodes.append(slot[1:-1] if slot else repr(part))
    expression = "'' + " + " + ".join(nodes)
    template = template_at(f"T = {expression}", (1, 4), "T", "here")
    given_ = [("a", a), ("b['x']", b)]
    order = sorted((pair for pair in given_ if f"{{{pair[0]}}}" in seen), key=lambda pair: nodes.index(pair[0]))
    if any(f"{{{slot}}}" in "".join(p for p in parts if p not in seen) for slot, _ in given_):
        return  # text that spells a slot: no script has it, and its sha256 would not match
    assert texts._filled(template, order) == eval(expression, {"a": a, "b": {"x": b}})


def test_all_places_are_pinned_and_well_formed() -> None:
    assert len(texts.places()) == 68
    for name, one in texts.places().items():
        assert (len(one.commit), len(one.sha256)) == (40, 64), name
        assert len(one.slots) == len(one.fields) == len(set(one.fields)), name
        assert one.file in one.scripts, name
        assert one.syntax in ("literal", "format", "expr", "list"), name
        assert bool(one.slots) == (one.syntax in ("format", "expr")), name
        assert one.url.startswith(f"https://raw.githubusercontent.com/{texts.REPOSITORY}/{one.commit}/")


def test_every_template_of_the_release_has_its_hash_and_place() -> None:
    rows = json.loads(real("released/prompts.json").read_text(encoding="utf-8"))
    assert len(rows) == len(texts.places()) == 68
    for row in rows:
        one = texts.place(row["id"])
        assert hashlib.sha256(row["template"].encode()).hexdigest() == one.sha256
        assert (row["file"], row["commit"], tuple(row["slots"])) == (one.file, one.commit, one.slots)
        assert (row["locator"]["line"], row["locator"]["col"]) == one.at


def test_every_text_of_the_release_can_be_said(texts_here: None) -> None:
    """Whatever stands in the values, braces included, arrives as it is; nothing else is left to fill."""
    for name, one in texts.places().items():
        if one.syntax == "list":
            assert all(isinstance(stop, str) and stop for stop in texts.strings(name))
            continue
        values = {field: f"<{field} {{x}} %s>" for field in one.fields}
        said = texts.say(name, **values)
        assert all(value in said for value in values.values()), name
        assert not any(f"{{{slot}}}" in said for slot in one.slots), name
    assert "{function_name}({args})" in texts.say("problems.user")  # literal: its braces are part of the text
    assert r"\boxed{...}" in texts.say("math.user", problem="p")


@pytest.fixture
def texts_here(texts: None) -> None:
    """The fixture ``texts`` by another name: here ``texts`` is the module."""


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of two texts of the made-up script, and a folder that holds the script."""
    monkeypatch.setenv(DATA_ENV, str(tmp_path / "data"))
    monkeypatch.delenv(texts.TEXTS_ENV, raising=False)
    (tmp_path / "scripts" / "recipe").mkdir(parents=True)
    (tmp_path / "scripts" / "recipe" / "made_up.py").write_text(SCRIPT, encoding="utf-8")
    base = texts.Place("", "recipe/made_up.py", "0" * 40, (0, 0), "", "user", "format", "", ("recipe/made_up.py",))
    ask, stops = "Make {name} and keep {{braces}}.", json.dumps(["\nclass ", "\n#"])
    at, stop_at = place_of("", '"""Make')[0], place_of("", '["\\nclass')[0]
    found = {
        "ask": replace(base, id="ask", at=at, within="ASK", slots=("name",), fields=("name",), sha256=sha(ask)),
        "stops": replace(base, id="stops", at=stop_at, within="outer", syntax="list", sha256=sha(stops)),
    }
    monkeypatch.setattr(texts, "places", lambda: found)
    texts._templates.cache_clear()
    return tmp_path / "scripts"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_texts_come_from_a_folder_of_scripts(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(texts.TEXTS_ENV, str(made_up))
    assert texts.say("ask", name="{it}") == "Make {it} and keep {braces}."
    assert texts.strings("stops") == ("\nclass ", "\n#")
    with pytest.raises(DataError, match=r"text 'ask' takes \['name'\], not \['code'\]"):
        texts.say("ask", code="x")
    with pytest.raises(DataError, match="unknown text 'nothing'"):
        texts.say("nothing")


def test_without_the_texts_the_remedy_is_one_line(made_up: Path) -> None:
    assert texts.state() == "missing"
    with pytest.raises(UnavailableError, match=r"fetch --only paper-texts.*SELFBOOT_PAPER_TEXTS") as found:
        texts.say("ask", name="x")
    assert "\n" not in str(found.value)


def test_fetched_texts_are_kept_and_checked(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each script is asked for once, at its commit; a changed one is refused and nothing is kept."""
    asked: list[str] = []

    def download(url: str, name: str, copy: str) -> str:
        asked.append(url)
        return (made_up / "recipe" / "made_up.py").read_text(encoding="utf-8")

    monkeypatch.setattr("selfboot.datasets.fetch.download", download)
    path = texts.fetch_texts()
    assert asked == [f"{texts.RAW}/{'0' * 40}/recipe/made_up.py"]
    assert texts.strings("stops") == ("\nclass ", "\n#")
    path.write_text(path.read_text().replace("Make", "Bake"))
    assert texts.state() == "damaged"
    changed = SCRIPT.replace("Make", "Bake")
    ast.parse(changed)
    (made_up / "recipe" / "made_up.py").write_text(changed, encoding="utf-8")
    with pytest.raises(DataError, match=r"text 'ask' hashes to .* at the pinned commit"):
        texts.fetch_texts()


def test_the_command_line_fetches_texts_and_pairs(
    made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from argparse import ArgumentParser

    import selfboot.cli.fetch as cli

    def run(*words: str) -> int:
        parser = ArgumentParser()
        cli.add_parser(parser.add_subparsers())
        args: Any = parser.parse_args(["fetch", *words])
        return int(args.run(args))

    monkeypatch.setattr("selfboot.datasets.fetch.download", lambda *_: SCRIPT)
    assert run("--list", "--only", "paper-texts", "paper-pairs") == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()][-4:] == [
        "pairs_7b_40",
        "pairs_14b_multi_new60",
        "pairs_math_13",
        "paper-texts",
    ]
    assert run("--only", "paper-texts") == 0
    assert "2 texts" in capsys.readouterr().out
    assert texts.state() == "here"
