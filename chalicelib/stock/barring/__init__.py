"""Stock that lies there but is not sold, and places that change what they are for."""
