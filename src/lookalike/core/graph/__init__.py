"""The graph of nearest neighbors, and the files that it is written to."""
