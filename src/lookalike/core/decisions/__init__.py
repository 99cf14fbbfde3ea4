"""What people decided about pictures: events that outlive records."""
