"""Who may be texted: consent with its proof, and words that take it back."""
