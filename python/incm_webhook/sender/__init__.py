"""The sending side: sample alerts, a client that posts them, a diagnosis of signatures."""
