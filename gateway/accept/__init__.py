"""Stage 1: something arrives."""
