"""The actions that the manifests of systems declare: rated, built and run like those of the catalogue."""
