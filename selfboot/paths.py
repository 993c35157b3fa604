"""Where selfboot's own files lie, and where runs leave theirs.

In a checkout data/, fixtures/ and claims/ lie beside the package. A wheel brings the same folders, conftest.py and
pytest.ini with them, inside the package as selfboot/shipped/ (pyproject.toml maps them). Nothing is written into an
installed package: what runs leave then goes to the user's own folder of data.
"""

from __future__ import annotations

from pathlib import Path

from selfboot.errors import DataError

PACKAGES = Path(__file__).resolve().parent.parent  # the folder that Python finds selfboot in
SHIPPED = PACKAGES / "selfboot" / "shipped"  # only in a wheel
ROOT = SHIPPED if SHIPPED.is_dir() else PACKAGES
CLAIMS = ROOT / "claims"  # the tests of the claims, and beside each its settings
DATA = ROOT / "data"
TASKS = DATA / "tasks"  # the mini benchmarks
MEASURED = DATA / "measured"  # what runs have left: bands, decompositions, times, error rates
FIXTURES = ROOT / "fixtures"


def in_checkout() -> bool:
    """Does the package lie in a checkout?"""
    return ROOT == PACKAGES and (DATA / "models.toml").is_file()


def home() -> Path:
    """The folder of run store and fetched data: .selfboot of the checkout, or the user's own folder of data."""
    from platformdirs import user_data_path

    return ROOT / ".selfboot" if in_checkout() else user_data_path("selfboot")


def remedy() -> str:
    """How files that came with selfboot are got back."""
    return (
        "restore it from the repository (git checkout)"
        if in_checkout()
        else "install selfboot again (pip install --force-reinstall)"
    )


def extra(name: str) -> str:
    """The command that installs an optional part of selfboot, such as ``report``."""
    return f"pip install -e '.[{name}]'" if in_checkout() else f"pip install 'selfboot[{name}]'"


def require(path: Path, what: str) -> Path:
    """``path`` if it exists, else a DataError that says what is missing and how to get it."""
    if not path.exists():
        raise DataError(f"{what} not found: {path}; {remedy()}")
    return path
