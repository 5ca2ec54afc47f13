"""The HTTP client that plugins get as `ctx.http`.

Importing this package, or `incm_webhook` itself, loads no HTTP library: the first request does.
"""
