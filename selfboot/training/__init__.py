"""Training adapters on pairs. ``recipe`` is data; ``lora`` does the work. Importing this package loads no torch."""

from selfboot.training.recipe import AdapterInfo, Example, Recipe, TrainingError

__all__ = ["AdapterInfo", "Example", "Recipe", "TrainingError"]
