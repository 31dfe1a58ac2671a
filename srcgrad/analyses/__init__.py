"""Facts about IR: where values are defined, what is active, what shares memory."""
