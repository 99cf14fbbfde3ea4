"""What the outside meets: each door parses, calls one thing of the core, and renders."""
