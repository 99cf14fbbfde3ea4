"""Files that move because of what was decided, and come back."""
