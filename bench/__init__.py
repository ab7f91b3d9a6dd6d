"""Benchmarks against honest references, each in one run: the bare work by hand, nginx, no proxy at all."""
