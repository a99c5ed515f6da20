"""Stage 3: for whom, and forwarding."""
