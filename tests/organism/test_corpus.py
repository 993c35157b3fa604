"""The corpus: the same bytes every time, whatever the number of processes, and programs that are right."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from fixtures.organism.generator import corpus, documents, families, library, pipelines, shapes, transcripts, words
from fixtures.organism.generator.program import Program, Spec, write

ROOT = Path(__file__).resolve().parents[2]
HASHES = json.loads((ROOT / "fixtures/organism/corpus.json").read_text())
TOKENIZER = ROOT / "fixtures/organism/tokenizer"


@pytest.mark.parametrize("stream", ["bulk", "chat", "tidy"])
def test_a_prefix_of_each_stream_has_its_recorded_hash(stream: corpus.Stream) -> None:
    assert corpus.shard_hash(stream, 0, chars=100_000) == HASHES["prefixes"][stream]


@pytest.mark.slow
def test_whole_shards_have_the_hashes_of_the_manifest() -> None:
    shards = HASHES["manifest"]["shards"]
    for name in ("bulk-0003", "bulk-0149", "chat-0020", "tidy-0007"):
        stream, number = name.split("-")
        assert corpus.shard_hash(stream, int(number)) == shards[name]["sha256"]  # type: ignore[arg-type]


def test_the_manifest_adds_up_to_the_corpus_hash() -> None:
    manifest = HASHES["manifest"]
    hashes = {k: v["sha256"] for k, v in manifest["shards"].items() if not k.startswith("tidy")}
    assert corpus.combined_hash(hashes) == manifest["corpus_sha256"]
    assert len(hashes) == corpus.BULK_SHARDS + corpus.CHAT_SHARDS
    assert manifest["tokens"] == sum(v["tokens"] for k, v in manifest["shards"].items() if not k.startswith("tidy"))


def test_the_number_of_processes_does_not_matter(tmp_path: Path) -> None:
    shards: list[tuple[corpus.Stream, int]] = [("bulk", 3), ("chat", 1)]
    manifests = [corpus.write_tokens(shards, TOKENIZER, tmp_path / str(jobs), jobs, chars=20_000) for jobs in (1, 2)]
    assert manifests[0] == manifests[1]
    for name in ("bulk-0003.bin", "chat-0001.bin"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_kinds_hold_their_shares_in_every_shard() -> None:
    for stream, table in (("bulk", documents.BULK), ("chat", documents.CHAT)):
        sizes: Counter[str] = Counter()
        for kind, text in corpus.documents(stream, 5, chars=200_000):  # type: ignore[arg-type]
            sizes[kind] += len(text)
        for kind, (share, _) in table.items():
            assert sizes[kind] / sizes.total() == pytest.approx(share / 100, abs=0.02)


def test_tidy_and_messy_transcripts_make_the_same_requests() -> None:
    for number in range(60):
        texts = [documents.chat_solve(Random(f"requests|{number}"), manners) for manners in ("base", "tidy")]
        messy, tidy = (text.split("<|im_start|>assistant\n")[0] for text in texts)
        assert messy == tidy


def test_every_answer_of_a_tidy_transcript_is_closed() -> None:
    for kind, text in corpus.documents("tidy", 0, chars=60_000):
        assert text.endswith("<|im_end|>"), (kind, text[-200:])
        if kind == "chat_solve":
            answer = text.rsplit("<|im_start|>assistant\n", 1)[1]
            assert answer.startswith("```python\n")
            assert answer.endswith("\n```<|im_end|>")


SPECS: list[Spec] = [*families.FAMILIES, *library.LIBRARY_FAMILIES]


def programs() -> list[Program]:
    rng = Random("programs")
    specs = [s for s in SPECS for _ in range(2)]
    specs += [pipelines.draw_pipeline(rng, held=held) for held in (False, True) for _ in range(250)]
    specs += [
        shapes.draw_shape(rng, (choice,))
        for choice in shapes.CORPUS_SHAPES + shapes.LEVEL4 + shapes.LEVEL5
        for _ in range(6)
    ]
    specs += [library.draw_library(rng, held=held) for held in (False, True) for _ in range(80)]
    return [write(spec, rng, held=rng.random() < 0.2) for spec in specs]


def test_all_bodies_of_a_task_compute_the_same() -> None:
    for program in programs():
        rng = Random(program.name)
        other = write(program.spec, rng)
        for args, value in program.draw(rng, 4):
            assert other.run(args) == value, (program.code(), other.code(), args)


def test_there_are_more_than_57_fixed_families() -> None:
    assert len({spec.key for spec in SPECS}) == len(SPECS) > 57


def test_about_an_eighth_of_the_combinations_is_held_out_and_never_drawn() -> None:
    rng = Random("held")
    keys = [pipelines.draw_pipeline(rng).key for _ in range(2000)]
    for key in keys:
        _, source, where, to, reduce = key.split("|")
        elem = next(s.elem for s in pipelines.SOURCES if s.key == source)
        assert not pipelines.held_out(elem, where, to, reduce)
    share = sum(pipelines.fraction(f"x{i}") < pipelines.HELD_SHARE for i in range(4000)) / 4000
    assert share == pytest.approx(0.12, abs=0.02)


def test_structures_of_level_4_and_5_are_not_in_the_corpus() -> None:
    rng = Random("draws")
    seen = {spec.kind for spec in (documents.draw_spec(rng) for _ in range(4000))}
    held = {shapes.draw_shape(rng, (choice,)).kind for choice in shapes.LEVEL4 + shapes.LEVEL5}
    # "matrix:rows" stands for three variants, of which one is held out; its tasks are told apart by fingerprint.
    assert seen & held <= {"matrix:rows", "dict:items"}


def test_expressions_of_word_problems_have_the_stated_value() -> None:
    rng = Random("stories")
    for _ in range(500):
        story = words.corpus_story(rng)
        assert eval(story.expr) == story.value
        assert not words.held_story(story)
        assert story.kind not in words.HELD_KINDS
        assert len(story.steps) <= words.MAX_CORPUS_STEPS


def test_harder_versions_have_more_steps_and_the_same_start() -> None:
    rng = Random("versions")
    for _ in range(100):
        easy, hard = words.versions(rng)
        assert len(hard.steps) > len(easy.steps)
        assert hard.sentences[: len(easy.sentences)] == easy.sentences


def test_habits_are_fixed_effects_and_the_suites_wording_has_none() -> None:
    kind = ("int:pipe", "sum")
    plain = transcripts.mode_weights("solve", kind, 0)
    assert plain == transcripts.mode_weights("solve", kind, 0)
    assert plain != transcripts.mode_weights("solve", kind, 3)
    assert plain != transcripts.mode_weights("solve", ("word:pipe", "join"), 0)
    for table in transcripts.TABLES.values():
        assert sum(table.values()) == 100
