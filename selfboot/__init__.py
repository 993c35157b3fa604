"""selfboot: does a base language model really teach itself? Every claim a run, every verdict a band."""

__version__ = "0.2.0"
