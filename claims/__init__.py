"""The paper's claims as tests: one file a section."""
