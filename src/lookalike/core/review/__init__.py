"""Duplicate groups as people go through them."""
