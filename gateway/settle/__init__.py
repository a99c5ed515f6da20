"""Stage 6: who says it arrived."""
