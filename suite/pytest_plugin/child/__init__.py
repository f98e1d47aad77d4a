"""What pytest's own process runs under the plug-in: the one parent that has torch itself."""
