"""What is known of the runs: immutable frames, owned by one thread, fed by what the sources say."""
