"""What distances mean: the scores of pairs and of a collection."""
