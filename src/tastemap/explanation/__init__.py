"""Reading a model: biases, components, reasons, crosstab."""
