"""The operating system's side: files, paths, processes, tasks, memory."""
