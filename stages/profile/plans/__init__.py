"""What a stage is given, a file each: its settings, and fingerprints of its code and of its environment."""
