"""The HTTP server: the native interface on FastAPI, keys, jobs, and worker processes for what strangers send."""
