"""What measures a kernel on real devices: calls in turns, device time out of a trace."""
