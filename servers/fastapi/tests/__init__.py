"""Tests of both applications on both loops, and of the modules that they share.

`running` starts servers, `http_client` and `ws_client` speak to them byte for byte, `backend` stands in for the upstream.
Nothing waits for a time to pass in order to be right; where a test waits, it waits for something to happen.
"""
