"""What proves each step: the log, its check, packages of one message and their verification."""
