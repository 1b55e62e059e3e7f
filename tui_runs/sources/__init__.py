"""Which adapters are installed, and what lies at a location."""
