"""What stands between a service and those who ask: keys, sign-in, limits, headers.

`guard.Guard` is the one middleware; the other modules are its parts. Why it is as it is:
``docs/decisions``, page "Safe by default".
"""
