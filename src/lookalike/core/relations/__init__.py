"""What two pictures are to each other, and why."""
