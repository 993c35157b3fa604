"""What a reader sees: the terminal table (and, later, the HTML report)."""
