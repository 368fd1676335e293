"""A PDC for part 2 that falls over its own feet before it has opened a socket."""
import sys

command = sys.argv[2]
