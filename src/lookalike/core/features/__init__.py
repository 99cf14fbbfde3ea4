"""What is known of one picture: its vectors, its look, its fingerprint."""
