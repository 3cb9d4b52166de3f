"""The disk fails under the gateway: nothing is accepted that is not kept."""
