"""Sessions from the shell: `replwire-cli`."""
