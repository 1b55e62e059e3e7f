"""What the commands without a screen print: data to stdout, narration to stderr."""
