"""Memory that this process may have: a limit that is too low, and the errors that come of it, in one line.

torch and its libraries tell of a lack of memory in many ways (an ImportError, a RuntimeError, a loop without an end).
So a limit that nothing can run under is refused before they are loaded.
"""

from __future__ import annotations

import resource

from selfboot.errors import UnavailableError

LEAST_GB = 2.0  # of address space: a mini model trains in 2.5, and fails in 1.5 somewhere within torch
WORDS = ("failed to map segment", "allocate memory", "out of memory", "can't start new thread")
REMEDY = "end other programs, lift the limit (ulimit -v), or run fewer processes side by side"


def check_limit() -> None:
    """UnavailableError where ``ulimit -v`` leaves this process less address space than ``LEAST_GB``."""
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_GB * 1e9:
        raise UnavailableError(
            f"this process may have {allowed / 1e9:.1f} GB of address space, {LEAST_GB:g} at least are needed; "
            "lift the limit (ulimit -v unlimited)"
        )


def tells_of_memory(error: BaseException) -> bool:
    """Is it for lack of memory, whatever a library calls it?"""
    return isinstance(error, MemoryError) or any(words in str(error) for words in WORDS)
