"""The embedded store: each collection in a folder of its own, SQLite as the truth and an index in memory beside it."""
