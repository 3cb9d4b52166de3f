``makeGateway`` makes a resource and a service for other Twisted applications.
