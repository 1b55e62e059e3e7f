"""What is wrong with runs: watched in a thread of its own, kept for the screen, and told to the user."""
