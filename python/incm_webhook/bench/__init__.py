"""The load test that `incm-webhook bench` runs."""
