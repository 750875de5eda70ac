"""Many callers at once: the promise of the seats, tried with real processes, threads and stores."""
