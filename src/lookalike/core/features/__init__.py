"""What is known of one picture: its vectors, its features, its fingerprint."""
