"""What keeps a store and its trust in order: directory, certificates, retention, keys, restored copies."""
