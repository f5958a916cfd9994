"""What is counted and what is sent in: counts, units, submissions, history, issues kept."""
