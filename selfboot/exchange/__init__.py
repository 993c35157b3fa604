"""What goes out and what comes in: other people's completions, our results as files, laboratories beside each other."""
