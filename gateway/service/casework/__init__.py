"""What people and deadlines do with a message, and what its Vorgang remembers."""
