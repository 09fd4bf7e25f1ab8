"""Look-ups: what a scanner asks when it is shown a barcode. Reads only, one statement each; nobody calls it."""
