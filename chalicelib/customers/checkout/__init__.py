"""An account that a guest makes at check-out, for the order that was just placed."""
