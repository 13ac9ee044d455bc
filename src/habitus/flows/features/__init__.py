"""What is said of a flow: every feature declared once, with name, unit, meaning and formula."""
