"""What every store shares: the distance, the checks of what comes in, and the rules of a batch."""
