"""Reading the world: warehouses and prior sources behind one guarded door."""
