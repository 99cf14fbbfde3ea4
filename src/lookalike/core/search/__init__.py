"""Questions and their answers, a page at a time."""
