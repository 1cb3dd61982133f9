"""What the examples of a ruleset exercise, and examples for what they do not. Pure: no files, no output."""
