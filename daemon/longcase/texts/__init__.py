"""Text ↔ domain: TOML in with every error at its line, JSON out, mails composed. No I/O."""
