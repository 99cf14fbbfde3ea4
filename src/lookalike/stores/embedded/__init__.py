"""The embedded store: a folder for each collection, SQLite as the database, an index in memory beside it."""
