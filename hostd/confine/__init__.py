"""What happens to an app's process before its first byte of code: identity, limits, Landlock, seccomp.

Run by hostd/launch.py with the platform's own interpreter (``-I -S``), so standard library only. Each layer
is what the kernel has of it; what was reached is not believed but measured (hostd/isolation).
"""
