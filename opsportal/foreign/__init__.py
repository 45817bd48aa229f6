"""The page to which an incident of another system is brought as files, and read as a case. Nothing of it is kept."""
