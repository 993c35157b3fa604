"""What draws completions, on which device."""
