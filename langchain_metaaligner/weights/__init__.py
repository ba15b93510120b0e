"""Where weights lie and where they run: the Hub's files, and this machine's devices."""
