"""The fleet: robots, what they are told and what they say, balconies, levels, carriers and boxes."""
