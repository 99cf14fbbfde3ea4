"""How good the answers are by labels, and scores fitted to them."""
