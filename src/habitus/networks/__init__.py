"""Neural networks as pure modules: they hold weights and compute; who trains them is elsewhere."""
