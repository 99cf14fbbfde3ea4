"""What only servers need: keys, quotas, jobs, files, and what strangers may name."""
