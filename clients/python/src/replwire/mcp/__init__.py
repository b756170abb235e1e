"""Sessions for agents: `replwire-mcp`, a server of the Model Context Protocol."""
