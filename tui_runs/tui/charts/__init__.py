"""Charts: what the user chose of them, and points made into what they show."""
