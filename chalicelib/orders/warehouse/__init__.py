"""Sales orders of the warehouse's admin panel: entered here, back-ordered where stock is missing; every channel's are shown."""
