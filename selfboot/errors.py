"""What can go wrong, as exceptions whose message names the value, the place and the remedy."""


class SelfbootError(Exception):
    """Base of every error that selfboot raises on purpose; the CLI prints it as one line, without a traceback."""


class DataError(SelfbootError):
    """A file is missing, corrupt or of the wrong schema (pairs, tasks, registry, bands, samples)."""


class StoreError(SelfbootError):
    """The run store can't be read or written (read-only, disk full, damaged artifact)."""


class UnavailableError(SelfbootError):
    """Something this machine lacks: a model, memory, a GPU, a package, an isolation level. Never replaced silently."""


class TooFewPairsError(SelfbootError):
    """A model mined fewer pairs of its own than a claim trains on: ``found``, where ``needed`` are."""

    def __init__(self, found: int, needed: int, where: str) -> None:
        super().__init__(f"not enough pairs: {found} of {needed} ({where})")
        self.found, self.needed, self.where = found, needed, where


class GradingError(SelfbootError):
    """The grader itself failed; never to be read as a failing candidate."""


def one_line(error: Exception, most: int = 400) -> str:
    """What an error of another library says, in one line of at most ``most`` characters."""
    return " ".join(str(error).split())[:most]
