"""Does the recipe work on MY model? ``selfboot diagnose MODEL`` and ``selfboot bootstrap MODEL``."""
