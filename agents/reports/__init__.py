"""Statistics and the bulletin: indicators, counts, 工作简报, and the files they are given as."""
