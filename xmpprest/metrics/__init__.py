"""What an operator sees of the gateway while it runs: numbers, and what passes."""
