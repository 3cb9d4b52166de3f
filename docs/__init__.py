"""The manual: its pages, and what is generated into them."""
