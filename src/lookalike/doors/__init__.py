"""The entry points: each parses, calls the core once, and renders."""
