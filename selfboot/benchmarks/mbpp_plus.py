"""MBPP+ (evalplus): MBPP's tasks with many more inputs each, from evalplus's own file. For `selfboot grade`.

Expected is what the canonical solution returns, as for HumanEval+; some tasks are compared by a rule of their own
(grading/plus.py). The file holds lists where tasks want tuples, sets or complex numbers: evalplus knows which, so its
package must be installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfboot.errors import UnavailableError
from selfboot.grading.programs import plus_tests
from selfboot.records import CodeTask


def task(row: Mapping[str, Any]) -> CodeTask:
    """One row of the file. UnavailableError without evalplus."""
    try:
        from evalplus.data.mbpp import mbpp_deserialize_inputs
    except ImportError as error:
        raise UnavailableError(f"mbpp-plus needs the package evalplus ({error}); pip install evalplus==0.3.1") from None
    task_id, entry_point = str(row["task_id"]), row["entry_point"]
    inputs = [
        *mbpp_deserialize_inputs(task_id, row["base_input"]),
        *mbpp_deserialize_inputs(task_id, row["plus_input"]),
    ]
    reference = (row["prompt"] + row["canonical_solution"], entry_point)
    tests = plus_tests(entry_point, inputs, None, row["atol"], reference)
    return CodeTask(task_id, row["prompt"], entry_point, (tests,), row["canonical_solution"], kind="mbpp+")
