"""The desk: one folder per practice, over a kernel. Console and API."""
