"""Recordings: from the samples that Asterisk writes to a sealed file, its playing and its end."""
