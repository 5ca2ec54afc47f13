"""Records spans of requests and of attempts at deliveries, and sends them to a collector."""
