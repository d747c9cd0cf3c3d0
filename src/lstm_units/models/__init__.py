"""Networks: converted, loaded, untrained."""
