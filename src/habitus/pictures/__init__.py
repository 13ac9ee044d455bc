"""Pictures of models and results, on pages that need nothing but a browser."""
