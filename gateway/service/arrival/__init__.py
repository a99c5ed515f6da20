"""What arrives: from an agency's post or a partner's AS2 and mail to a durable, decided message and our answer."""
