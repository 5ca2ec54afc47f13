"""Simulates InCloud Manager as a sender, and checks that no alert got lost.

`traffic` plans which alerts are sent when (pure, the same for the same seed), `sending` sends them
over several connections with the platform's retries, `verdict` counts the results, and
`inbox_check` reads a receiver's inbox to check that each acknowledged alert is there once.
"""
