"""Many processes, many machines: every artifact that the chosen claims need, each made once, wherever there is room."""
