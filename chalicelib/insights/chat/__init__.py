"""Questions in people's own words, answered by a language model that may look things up for its caller, or by our search."""
