"""What people see: the read side."""
