"""Whether a registered certificate may be used: its path, its revocation, the policy for what nobody can tell."""
