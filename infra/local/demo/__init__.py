"""The demo company: a made-up wholesale distributor, the same on every machine."""
