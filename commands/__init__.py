"""The commands of the command line, a file each: they read files, call the core and print. No rules, no arithmetic."""
