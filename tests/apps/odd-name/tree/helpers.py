def greet(whom: str) -> str:
    return f"Hello from {whom}"
