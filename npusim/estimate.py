"""The whole flow on one screen: graph and profile in, Estimate out."""
