"""InCloud Manager as a sender: what it posts, when and how, and whether anything got lost.

`traffic` says what is sent and when (pure, the same for the same seed), `sending` sends it over
several connections with the platform's retries, `verdict` counts what came of it, and
`inbox_check` reads a receiver's inbox to see whether all that was acknowledged is there once.
"""
