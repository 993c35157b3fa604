"""What can run here, and what the paper's scale would cost."""
