"""Stage 4: make it provable, and open what others sealed."""
