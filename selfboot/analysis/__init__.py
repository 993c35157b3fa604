"""Statistics and verdicts: pure functions over numbers and per-task outcomes. No model, no file, no network."""
