"""An alarm where a round of mining yields nothing: what was asked for, and where it was lost.

A miner that reads nothing ends like one whose model knows nothing. So every round without an item says how many of the
problems asked for did not parse, and why as far as the miner keeps that, how many failed their own tests, and what
became of the attempts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from selfboot.mining.base import Miner, Record


def alarms(miner: Miner, records: Sequence[Record]) -> list[str]:
    """One line for each round of a run that invents problems and gave no new item, in order."""
    counts = [len(miner.items(records[:end])) for end in range(len(records) + 1)]
    empty = [number for number, record in enumerate(records) if counts[number + 1] == counts[number]]
    return [f"round {number + 1}: {explained(records[number])}" for number in empty if "asked" in records[number]]


def explained(record: Record) -> str:
    """What a round asked for and where it was lost: "12 of 16 problems did not parse: 9 no function, …"."""
    asked, valid = int(record["asked"]), record.get("valid", [])
    parsed = int(record.get("well_formed", len(valid)))
    lost = [f"{asked - parsed} of {asked} problems did not parse{_reasons(record)}"] if parsed < asked else []
    fresh = int(record.get("fresh", parsed))
    lost += [f"{parsed - fresh} of {parsed} were repetitions"] if fresh < parsed else []
    lost += [f"{fresh - len(valid)} of {fresh} failed their own tests"] if len(valid) < fresh else []
    lost += [f"{len(valid)} were attempted and gave no pair{_attempts(record)}"] if valid else []
    return "; ".join(lost) or "nothing was asked for"


def _reasons(record: Record) -> str:
    counted: Counter[str] = Counter(record.get("refused", ()))
    return ": " + ", ".join(f"{count} {why}" for why, count in counted.most_common()) if counted else ""


def _attempts(record: Record) -> str:
    """How many attempts passed, where a record holds them as rows of (program, status, detail)."""
    rows = [row for rows in record.get("attempts", ()) for row in rows]
    return f": {sum(row[1] == 'passed' for row in rows)} of {len(rows)} attempts passed" if rows else ""
