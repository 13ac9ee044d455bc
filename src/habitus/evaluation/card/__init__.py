"""The results card: an evaluation on one page, with what stands in the way of believing it."""
