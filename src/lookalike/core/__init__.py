"""What lookalike does: the library, its collections, search, ingest and duplicates, over plain values."""
