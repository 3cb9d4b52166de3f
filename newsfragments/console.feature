A console at ``/rest/console/`` shows the gateway work: the stream, the traffic as it happens, rates and latencies, queues and dead letters; and sends whatever you write.
