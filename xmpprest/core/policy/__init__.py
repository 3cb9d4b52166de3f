"""
Policies: authorisation, rate limits, retries, the meaning of a callback's response.
"""
