"""What this Python and this machine offer: devices, precision, memory."""
