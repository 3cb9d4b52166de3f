"""The wire format of callbacks: signatures, URL templates, batches."""
