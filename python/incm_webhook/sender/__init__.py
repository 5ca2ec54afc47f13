"""What InCloud Manager does: sample alerts, a client that posts them, a diagnosis of signatures."""
