"""One parameter looked at closely, and all of them listed: what pages and programs ask of a project."""
