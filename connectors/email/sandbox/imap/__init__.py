"""The fake provider's IMAP4rev1, as far as mail clients of our kind need it."""
