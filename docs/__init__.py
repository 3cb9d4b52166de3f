"""The manual: its pages, and the code that generates parts of them."""
