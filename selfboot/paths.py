"""Where the checkout keeps its data, and where runs leave theirs.

selfboot is installed from a checkout (``pip install -e .``): data/, fixtures/ and claims/ lie beside the package. A
wheel brings the package alone: what needs none of them works (``selfboot grade`` on HumanEval, say), all else says what
it lacks, and nothing is written into the folder that Python installs packages in.
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


def in_checkout() -> bool:
    """Does the package lie in a checkout?"""
    return (DATA / "models.toml").is_file()


def home() -> Path:
    """The folder of run store and fetched data: .selfboot of the checkout, or the user's own folder of data."""
    from platformdirs import user_data_path

    return ROOT / ".selfboot" if in_checkout() else user_data_path("selfboot")


def require(path: Path, what: str) -> Path:
    """``path`` if it exists, else a DataError that says what is missing and how to get it."""
    if not path.exists():
        clone = "selfboot is installed without its data; clone the repository and `pip install -e .` there"
        raise DataError(f"{what} not found: {path}; {'restore it (git checkout)' if in_checkout() else clone}")
    return path
