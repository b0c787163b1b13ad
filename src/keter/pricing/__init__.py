"""What things are worth: margin removal, consensus, lines, expected value, stakes.

Pure, and usable without Redis. Import the module that is needed: only some load numpy.
"""
