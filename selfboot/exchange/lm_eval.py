"""Completions with their verdicts as lm-eval's ``--log_samples`` has them: one JSON Lines file a score, a row a task.

The fields are those of lm-eval 0.4.9 (lm_eval/evaluator.py and loggers/evaluation_tracker.py): doc_id, doc, target,
arguments, resps, filtered_resps, filter, metrics, the three hashes, and the metric itself. ``doc`` holds the task's own
id, which makes the file readable again. `selfboot grade` and `selfboot replay` read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from selfboot.exchange.portable import Portable, sha256

METRIC = {"score": "pass@1", "answer-score": "exact_match"}


def file_name(one: Portable) -> str:
    """As lm-eval names it: samples_TASK_….jsonl; ours ends with the score's address."""
    return f"samples_{re.sub(r'[^A-Za-z0-9-]+', '-', one.score.benchmark)}_{one.score.model}_{one.score.id}.jsonl"


def rows(one: Portable) -> list[dict[str, Any]]:
    """The file's rows, one a task."""
    return [_row(one, place) for place in range(one.score.n)]


def text(one: Portable) -> str:
    """The file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(one))


def _row(one: Portable, place: int) -> dict[str, Any]:
    task, attempts, metric = one.score.tasks[place], one.score.attempts[place], METRIC[one.own["kind"]]
    doc, passed = {"task_id": task.id, "prompt": task.prompt}, [attempt.status == "passed" for attempt in attempts]
    return {
        "doc_id": place,
        "doc": doc,
        "target": task.tests,
        "arguments": {"gen_args_0": {"arg_0": task.prompt, "arg_1": _asked(one.sampling)}},
        "resps": [[drawn["text"] for drawn in one.drawn[place]]],
        "filtered_resps": [[attempt.program or attempt.completion for attempt in attempts]],
        "filter": "none",
        "metrics": [metric],
        "doc_hash": sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": sha256(task.prompt),
        "target_hash": sha256(task.tests),
        metric: sum(passed) / len(passed),
    }


def _asked(sampling: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings of the draw by lm-eval's names; empty where they are not known."""
    if not sampling:
        return {}
    return {
        "until": list(sampling["stop"]),
        "max_gen_toks": sampling["max_new_tokens"],
        "do_sample": sampling["temperature"] > 0,
        "temperature": sampling["temperature"],
        "top_p": sampling["top_p"],
    }
