"""lookalike finds similar images."""
