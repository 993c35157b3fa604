"""Grading of model-written programs and answers."""
