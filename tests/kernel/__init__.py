"""What this machine's kernel can't show, in one of Debian's that runs as a program: User-Mode Linux."""
