"""What runs in the sandbox, beside untrusted code: it knows no right answer and holds no secret."""
