"""A Jupyter kernel that keeps its variables: `replwire-jupyter`."""
