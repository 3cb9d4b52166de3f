"""The routes below C{/rest}, one module per group."""
