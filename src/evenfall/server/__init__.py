"""The API and the pages, over the same facade as everything else."""
