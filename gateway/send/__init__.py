"""Stage 5: hand it over."""
