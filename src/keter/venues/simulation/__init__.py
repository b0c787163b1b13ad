"""What the simulators of all venues share: clubs, match play, chances.

Nothing here knows a venue.
"""
