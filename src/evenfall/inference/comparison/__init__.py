"""Which of several fits to the same data predicts it better, and whether that can be told."""
