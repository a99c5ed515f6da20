"""What leaves: sealed once, handed over in a partner's lane, counted when its receipt proves it."""
