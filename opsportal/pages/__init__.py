"""The pages that belong to no single app: what they show, and how it is drawn."""
