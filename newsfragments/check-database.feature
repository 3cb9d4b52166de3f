``--check-config`` and the doctor check the PostgreSQL database of the store: its settings, its tables, its clock, replicas, and the gateway that uses it.
