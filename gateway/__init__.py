"""The gateway: a shell around the pure rules of `routing`."""
