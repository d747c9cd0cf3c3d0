"""One job or run on a machine: messages, devices, locks, fingerprints of code."""
