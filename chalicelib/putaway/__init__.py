"""Put-away: what has arrived goes to where it is stored, best to the bins that its item prefers."""
