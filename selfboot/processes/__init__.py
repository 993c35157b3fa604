"""Processes of ours whose end gives a GPU's memory back, and how we talk to them."""
