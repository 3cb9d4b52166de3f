"""Measurements that anybody can run again; the tests measure no time."""
