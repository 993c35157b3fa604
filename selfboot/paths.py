"""Where the checkout keeps its data.

selfboot is installed from a checkout (``pip install -e .``): data/ and fixtures/ lie beside the package.
"""

from __future__ import annotations

from pathlib import Path

from selfboot.errors import DataError

ROOT = Path(__file__).resolve().parent.parent
CLAIMS = ROOT / "claims"  # the tests of the claims, and beside each its settings
DATA = ROOT / "data"
TASKS = DATA / "tasks"  # the mini benchmarks
MEASURED = DATA / "measured"  # what runs have left: bands, decompositions, times, error rates
FIXTURES = ROOT / "fixtures"


def require(path: Path, what: str) -> Path:
    """``path`` if it exists, else a DataError that says what is missing and how to get it."""
    if not path.exists():
        raise DataError(f"{what} not found: {path}; is this a whole checkout, installed with `pip install -e .`?")
    return path
