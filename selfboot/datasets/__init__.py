"""Public data sets: pinned sources (``pinned``), read from this machine's disk; ``fetch`` gets them there, once.

Importing this loads nothing heavy; only ``fetch`` uses the network, and only when asked for.
"""

from selfboot.datasets.pinned import Row, Source, read_source, source, source_path, sources

__all__ = ["Row", "Source", "read_source", "source", "source_path", "sources"]
