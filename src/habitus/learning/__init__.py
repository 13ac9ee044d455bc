"""How networks learn: batches, optimisers, the loop over epochs, checkpoints. Not what they are."""
