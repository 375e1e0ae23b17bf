"""What requests send and answers hold, as the documentation of the API shows it."""
