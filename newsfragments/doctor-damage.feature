The doctor checks the store for damage, also beside a running gateway, and says when it did not.
