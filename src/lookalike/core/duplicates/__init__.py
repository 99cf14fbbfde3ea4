"""Groups of records: the same picture, or what looks alike."""
