"""What comes in: sources to items, items to entries, entries to the store; and files that moved or went."""
