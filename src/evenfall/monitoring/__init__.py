"""When belief and reality part: checks, lights and findings."""
