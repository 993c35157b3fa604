"""Files on disk: whole or not there, what was shipped, and what an artifact's manifest must be."""
