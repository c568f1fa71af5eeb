"""Networks to networks: what is changed is proven by the executor, before and after."""
