"""The pages for people under `/betrieb/`: accounts, what they show, what they let do."""
