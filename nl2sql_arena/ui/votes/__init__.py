"""The Votes tab."""
