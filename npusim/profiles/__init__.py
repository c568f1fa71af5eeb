"""Profiles as TOML files: read, checked line by line, changed number by number, listed. Their values: profile.py."""
