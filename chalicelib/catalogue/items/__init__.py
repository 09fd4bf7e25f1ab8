"""Items: stock-keeping units as the warehouse's administrators keep them."""
