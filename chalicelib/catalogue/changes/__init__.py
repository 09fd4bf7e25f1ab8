"""Products as integrators keep them in step, one at a time or a thousand, and as staff add them."""
