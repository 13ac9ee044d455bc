"""The data doctor for labelled flows: what in them makes results look better than they are."""
